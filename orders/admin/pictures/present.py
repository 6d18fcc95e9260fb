"""Pictures of how things stand now: credits, the age of open orders, their worth, open matters."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Count, F, FloatField, Sum
from django.db.models.functions import Cast
from django.urls import reverse

from orders.admin.pictures.chart import Chart, Series
from orders.audit import search, sentences
from orders.exchange import credits
from orders.models import Account, AuditRecord, Event, Order
from orders.models.accounts import RARER_WITH_STREAM
from orders.pacifica.quota import quota
from orders.templatetags.desk import plain_number, shortened

if TYPE_CHECKING:
    from orders.admin.site_state import SiteState
    from orders.models.desks import Person

MINUTES, BUCKET_S = 10, 20
MAX_ANSWERS = 1_000  # the newest that are looked into
MAX_SYMBOLS = 8
TOLD_IN = (Event.ANSWER, Event.READ)
TONES = ("busy", "filled", "warn", "plain", "good")


def credits_left(
    accounts: Sequence[Account], balances: dict[int, credits.Balance], now: datetime
) -> Chart:
    """What was left in each pool in the last ten minutes, as the answers in the log say; one query.

    A routine read that changed nothing is not in the log. The last point is what is left now.
    """
    since = now - timedelta(minutes=MINUTES)
    pools = {balance.name: balance for balance in balances.values()}
    points = MINUTES * 60 // BUCKET_S
    levels: dict[str, list[Decimal | None]] = {name: [None] * (points + 1) for name in pools}
    for at, account_id, data in _told(accounts, since):  # the lowest of each bucket
        left, bucket = _left(data), int((at - since).total_seconds() // BUCKET_S)
        if left is None or not 0 <= bucket < points:
            continue
        level = levels[balances[account_id].name]
        level[bucket] = min(left, level[bucket] or left)
    for name, balance in pools.items():
        levels[name][points] = balance.left
    ago = [(points - at) * BUCKET_S for at in range(points + 1)]
    return Chart(
        name="credits",
        title="Credits left",
        head="Ago",
        labels=[sentences.span(seconds) if seconds else "now" for seconds in ago],
        series=[
            one
            for number, name in enumerate(sorted(pools))
            for one in _pool(pools[name], levels[name], TONES[number % len(TONES)])
        ],
        note=(
            "By pool, over the last ten minutes, as the exchange's answers said. Bulk jobs leave "
            "the reserve (dashed) to urgent cancels."
        ),
        is_line=True,
        empty="No account is active yet.",
    )


def _told(accounts: Sequence[Account], since: datetime) -> Iterable[tuple[datetime, int, str]]:
    """When the log's newest answers came, to which account, and what is kept beside their bytes."""
    told = AuditRecord.objects.filter(account__in=accounts, event__in=TOLD_IN, at__gte=since)
    span = search.positions_between({"from": since})  # where nothing was told, none is read in vain
    told = told.filter(**{f"position__{lookup}": position for lookup, position in span.items()})
    newest = told.order_by("-position").values_list("at", "account_id", "data")[:MAX_ANSWERS]
    return [(at, account_id, data) for at, account_id, data in newest if account_id is not None]


def _left(data: str) -> Decimal | None:
    """How many credits an answer said are left; None where it said nothing that can be read."""
    headers = json.loads(data).get("headers")
    stated = quota(headers) if isinstance(headers, dict) else None
    return stated.remaining_credits if stated is not None else None


def _pool(
    balance: credits.Balance, levels: list[Decimal | None], tone: str
) -> tuple[Series, Series]:
    name = "Without a key" if balance.name == credits.KEYLESS else shortened(balance.name)
    words = ["–" if level is None else plain_number(level) for level in levels]
    values = [None if level is None else float(level) for level in levels]
    reserve = [float(balance.reserve)] * len(levels)
    return Series(name, tone, values, words), Series(
        f"{name}: reserve", tone, reserve, is_dashed=True
    )


def ages(accounts: Iterable[Account], now: datetime) -> Chart:
    """How old the known open orders of each account are, against the sync period; no query.

    ``accounts``: with their streams.
    """
    rows = sorted(accounts, key=lambda one: (one.desk.name, one.name))
    seconds = [_age(account, now) for account in rows]
    links = [reverse("admin:orders_account_page", args=[account.pk]) for account in rows]
    words = [
        "not read yet" if age is None else f"{sentences.span(age)} ago, {account.stream_state.word}"
        for account, age in zip(rows, seconds, strict=True)
    ]
    period = settings.SYNC_PERIOD_S
    tones = ["busy" if _is_young(*row) else "warn" for row in zip(rows, seconds, strict=True)]
    return Chart(
        name="ages",
        title="Age of open orders",
        head="Account",
        labels=[f"{account.desk.name} · {account.name}" for account in rows],
        series=[Series("Read", tones, seconds, words, links)],
        note="Seconds since each account's open orders were last read whole.",
        unit="seconds",
        is_lying=True,
        mark=(
            period,
            f"sync period: {sentences.span(period)}, ten times that while the stream is live",
        ),
        empty="No account is active yet.",
    )


def _is_young(account: Account, age: int | None) -> bool:
    """Whether its open orders were read within two periods, ten times that while it is followed."""
    rarer = RARER_WITH_STREAM if account.stream_state.word == "live" else 1
    return age is not None and age <= 2 * rarer * settings.SYNC_PERIOD_S


def _age(account: Account, now: datetime) -> int | None:
    if account.synced_at is None:
        return None
    return max(0, round((now - account.synced_at).total_seconds()))


def notional(user: "Person") -> Chart:
    """What rests, price times open amount, by symbol and side; one query.

    Orders without a price, such as stops that become market orders, are left out.
    """
    rests = Order.objects.open().visible_to(user).filter(account__is_active=True).order_by()
    price, amount = (Cast(F(name), FloatField()) for name in ("price_number", "open_amount_number"))
    rests = rests.filter(price_number__isnull=False, open_amount_number__isnull=False)
    groups = rests.values_list("symbol", "side").annotate(worth=Sum(price * amount), n=Count("pk"))
    worth: dict[str, dict[str, tuple[float, int]]] = defaultdict(dict)
    for symbol, side, total, count in groups:
        worth[symbol][side] = (total, count)
    ranked = sorted(worth, key=lambda one: -sum(total for total, _ in worth[one].values()))
    shown = ranked[:MAX_SYMBOLS]
    return Chart(
        name="notional",
        title="Resting, by symbol and side",
        head="Symbol",
        labels=shown,
        series=[_side(side, shown, worth) for side in sentences.SIDES],
        note=_left_out(len(ranked) - len(shown)),
        unit="USD",
        is_stacked=True,
        is_lying=True,
        empty="No order with a price is open.",
    )


def _left_out(count: int) -> str:
    more = f" {count} smaller symbols are left out." if count else ""
    return f"Price times open amount, in USD, of open orders that have a price.{more}"


def _side(
    side: str, symbols: Sequence[str], worth: dict[str, dict[str, tuple[float, int]]]
) -> Series:
    found = [worth[symbol].get(side, (0.0, 0)) for symbol in symbols]
    place = reverse("admin:orders_order_changelist")
    return Series(
        sentences.SIDES[side],
        side,
        [round(total, 2) for total, _ in found],
        [f"{total:,.0f} ({count})" if count else "–" for total, count in found],
        [
            f"{place}?{urlencode({'symbol': symbol, 'side': side})}" if count else ""
            for symbol, (_, count) in zip(symbols, found, strict=True)
        ],
    )


def needs(state: "SiteState") -> Chart:
    """What needs somebody: questions, discrepancies, contradictions, panics given up on."""
    matters = [
        ("Unresolved cancels", state.unresolved, "cancel"),
        ("Discrepancies", state.drifts, "drift"),
        ("Contradicted orders", state.contradicted, "order"),
        ("Panics not seen empty", state.needing_panics, "canceljob"),
    ]
    links = [reverse(f"admin:orders_{table}_changelist") for _, _, table in matters]
    return Chart(
        name="needs",
        title="What needs somebody",
        head="Matter",
        labels=[name for name, _, _ in matters],
        series=[Series("Open", "alarm", [count for _, count, _ in matters], links=links)],
        is_lying=True,
        empty="Nothing needs anybody.",
    )
