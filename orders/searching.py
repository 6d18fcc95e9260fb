"""Find records by what people ask for: one query, in the words of the log's own page."""

from django.db.models import Q
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware

from orders.models import Account, AuditRecord, AuditRecordOrder, Desk


class BadQuery(ValueError):
    """The query cannot be read; the text says which part."""


def matching(query: dict):
    """Records that fit every part of the query.

    ``query``: any of operator (name), desk, account, job (ids), symbol, order (order id or client
    order id), event, outcome, address, from, to (ISO 8601, UTC where it is not said), and desks (a
    list of ids that bounds everything). Raises `BadQuery`.
    """
    records = AuditRecord.objects.all()
    for name, value in query.items():
        if name not in PARTS:
            raise BadQuery(f"{name}: the log cannot be searched by that.")
        if value not in ("", None):
            records = PARTS[name](records, value)
    return records


def in_words(query: dict) -> str:
    """*operator olivia, symbol BTC*; *every record* where nothing narrows it."""
    told = [f"{name} {_named(name, value)}" for name, value in query.items() if value]
    return ", ".join(told) or "every record"


def _named(name, value):
    if name == "desks":
        return " or ".join(Desk.objects.filter(pk__in=value).values_list("name", flat=True))
    models = {"desk": Desk, "account": Account}
    if name in models:
        found = models[name].objects.filter(pk=_number(value)).first()
        return str(found or value)
    return str(value)


def named(term):
    """Order rows that name an order by exactly this order id or client order id."""
    wanted = Q(client_order_id=term) | Q(client_order_id=term.lower())
    if term.isascii() and term.isdigit() and len(term) <= 18:
        wanted |= Q(order_id=int(term))
    return AuditRecordOrder.objects.filter(wanted)


def _by(path, of=str):
    return lambda records, value: records.filter(**{path: of(value)})


def _number(value):
    try:
        return int(value)
    except (TypeError, ValueError):
        raise BadQuery(f"{value!r} is no number.") from None


def _moment(value):
    try:
        moment = parse_datetime(str(value))
    except ValueError:
        moment = None
    if moment is None:
        raise BadQuery(f"{value!r} is no date and time.")
    return make_aware(moment) if is_naive(moment) else moment


def _symbol(records, value):
    return records.filter(pk__in=AuditRecordOrder.objects.filter(symbol=value).values("record"))


def _order(records, value):
    return records.filter(pk__in=named(str(value).strip()).values("record"))


def _desks(records, value):
    return records.filter(desk__in=[_number(one) for one in value])


PARTS = {
    "operator": _by("operator_name"),
    "desk": _by("desk", _number),
    "desks": _desks,
    "account": _by("account", _number),
    "job": _by("job", _number),
    "symbol": _symbol,
    "order": _order,
    "event": _by("event"),
    "outcome": _by("outcome"),
    "address": _by("address"),
    "from": _by("at__gte", _moment),
    "to": _by("at__lt", _moment),
}
