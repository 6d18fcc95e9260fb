"""The firm of the demo: its people, its accounts, and the orders they have resting."""

import uuid
from decimal import ROUND_DOWN, Decimal
from random import Random
from typing import Any

from orders.pacifica.paper.markets import KNOWN

MOMENTUM, BASIS = "Momentum", "Basis"
PEOPLE = {
    "olivia": ("operator", (MOMENTUM,)),
    "omar": ("operator", (BASIS,)),
    "hannah": ("head", (MOMENTUM, BASIS)),
    "audrey": ("auditor", (MOMENTUM, BASIS)),
    "ada": ("administrator", ()),
}
ADMINISTRATOR = "ada"
# Account: its desk, what it trades, how many orders it has.
ACCOUNTS = {
    "Majors": (MOMENTUM, ("BTC", "ETH", "SOL"), 96),
    "Breakout": (MOMENTUM, ("HYPE", "SUI", "AVAX", "LINK", "XRP"), 80),
    "Memes": (MOMENTUM, ("kBONK", "kPEPE", "DOGE", "PUMP"), 64),
    "Carry": (BASIS, ("BTC", "ETH", "SOL", "SOL-USDC"), 72),
    "Hedge": (BASIS, ("BTC", "ETH", "BNB"), 48),
}
MARKETS = {symbol: (mark, tick, lot) for symbol, mark, tick, lot, _ in KNOWN}
MARKETS["SOL-USDC"] = ("180", "0.01", "0.001")


def orders_of(account: str, random: Random) -> list[dict[str, Any]]:
    """Orders for one account, with fields as on the wire. ``random``: a `random.Random`."""
    _, symbols, count = ACCOUNTS[account]
    return [order(random.choice(symbols), random) for _ in range(count)]


def order(symbol: str, random: Random) -> dict[str, Any]:
    """One order: mostly a limit order near the mark, now and then a stop or a take-profit."""
    side = random.choice(("bid", "ask"))
    away = random.uniform(0.002, 0.06) * (-1 if side == "bid" else 1)
    fields: dict[str, Any] = {"symbol": symbol, "side": side, "price": priced(symbol, away)}
    fields["initial_amount"] = sized(symbol, random.uniform(500, 25_000))
    chance = random.random()
    if chance < 0.08 and "-" not in symbol:
        fields |= trigger("stop_limit", symbol, side, -away)
    elif chance < 0.14 and "-" not in symbol:
        fields |= trigger("take_profit_limit", symbol, side, away) | {"reduce_only": True}
    elif chance < 0.24 and "-" not in symbol:
        fields["reduce_only"] = True
    elif chance < 0.32:
        fields["filled_amount"] = part(symbol, fields["initial_amount"], random.uniform(0.1, 0.8))
    if random.random() < 0.5:
        fields["client_order_id"] = str(uuid.UUID(int=random.getrandbits(128), version=4))
    return fields


def trigger(order_type: str, symbol: str, side: str, away: float) -> dict[str, Any]:
    """What makes it a stop or take-profit: it waits for the price to reach its stop price."""
    slip = 0.002 if side == "bid" else -0.002
    return {
        "order_type": order_type,
        "stop_price": priced(symbol, away),
        "price": priced(symbol, away + slip),
        "trigger_price_type": "mark_price",
    }


def priced(symbol: str, away: float) -> str:
    """A price so far from the mark, as a share of it, on the market's tick."""
    mark, tick, _ = MARKETS[symbol]
    return on_step(Decimal(mark) * (1 + Decimal(str(round(away, 5)))), tick)


def sized(symbol: str, worth: float) -> str:
    """An amount worth so many USD, on the market's lot."""
    mark, _, lot = MARKETS[symbol]
    return on_step(Decimal(round(worth)) / Decimal(mark), lot)


def part(symbol: str, amount: str, share: float) -> str:
    """A share of an amount, on the market's lot."""
    return on_step(Decimal(amount) * Decimal(str(round(share, 2))), MARKETS[symbol][2])


def on_step(number: Decimal, step: str) -> str:
    """The number cut to a multiple of the step, as plain decimal text."""
    unit = Decimal(step)
    return f"{(number / unit).to_integral_value(ROUND_DOWN) * unit:f}"
