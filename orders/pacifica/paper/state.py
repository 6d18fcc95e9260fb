"""What outlives a restart: accounts, orders, histories and strategies, kept in one JSON file."""

import asyncio
import json
import os
from pathlib import Path

from .accounts import Accounts
from .book import Book
from .exchange import PaperExchange
from .markets import market
from .strategies import Strategies

VERSION = 1
EVERY_S = 2.0


class UnreadableState(ValueError):
    """The state file holds something else; the text names it."""


def save(exchange: PaperExchange, path: Path) -> None:
    """Write everything to the file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    plain = {
        "version": VERSION,
        "accounts": exchange.accounts.as_plain(),
        "book": exchange.book.as_plain(),
        "strategies": exchange.strategies.as_plain(),
    }
    with beside.open("w", encoding="utf-8") as file:
        json.dump(plain, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load(exchange: PaperExchange, path: Path) -> bool:
    """Take up what the file holds; False where there is none. Raises `UnreadableState`."""
    if not path.exists():
        return False
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["version"] != VERSION:
            raise ValueError(f"version {plain['version']}")
        exchange.accounts = Accounts.from_plain(plain["accounts"])
        book = Book.from_plain(plain["book"])
        exchange.use(book=book, strategies=Strategies.from_plain(plain["strategies"]))
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableState(f"{path} is no state of a paper exchange: {error}") from error
    for order in book.orders.values():
        exchange.markets.setdefault(order.symbol, market(order.symbol))
    return True


async def keep(exchange: PaperExchange, path: Path) -> None:
    """Save whenever something changed, every few seconds, until cancelled."""
    saved = _mark(exchange)
    while True:
        await asyncio.sleep(EVERY_S)
        if _mark(exchange) != saved:
            saved = _mark(exchange)
            save(exchange, path)


def _mark(exchange: PaperExchange) -> tuple[int, ...]:
    """Return what differs whenever anything worth saving has changed."""
    book = id(exchange.book), exchange.book.last_history_id
    return *book, exchange.accounts.revision, len(exchange.strategies.by_id)
