"""Look up in the exchange's history what became of orders: page by page, or by their ids."""

from dataclasses import dataclass

from orders import credits, paging, pasts
from orders.models import Cancel, CancelKind

# Pages that one question is worth, by how often it was looked at; over its whole life less than a
# hundred. Deep ones once the reads had time to catch up. Many are worth as many as reach them all,
# while that is cheaper than to look each up by its id.
PAGES = {1: 5, 2: 2, 3: 2, 4: 2, 5: 3, 6: 20, 7: 25}
PAGES_LATER = 2
PAGES_OF_EDITS = 3
DEEP = max(PAGES)  # looks after which the history was read as deep as it ever is
PAGE = 100  # rows of one, where longer ones are refused
MANY = 100  # questions whose reading leaves what is kept for urgent cancels


@dataclass(frozen=True)
class Routes:
    """Where one kind of order is read, and how."""

    book: str
    open_rows: object
    history: str
    page: object
    by_id: str
    events: object


class LookUp:
    """One round of looking up. ``evidence``: takes what is told; ``is_late``: asked before each."""

    def __init__(self, evidence, routes, params, is_late):
        self._evidence, self._routes, self._params = evidence, routes, params
        self._is_late = is_late

    def through_history(self, cancels):
        """Read pages until all are found, as deep as the oldest of them needs."""
        left, read = _Left(cancels), 0

        def needed(rows):
            nonlocal read
            left.take(rows[read:])
            read = len(rows)
            if (rows and self._is_late()) or not left or left.is_passed(rows):
                return 0
            return 1 + len(left) // (10 * PAGE)

        most = max(PAGES.get(one.checks, PAGES_LATER) for one in cancels)
        if len(cancels) > most:
            reach = most + 3 * _asked_since(cancels) // (2 * PAGE)
            most = reach if reach <= len(cancels) else most
        purpose = credits.PROOF if len(cancels) <= MANY else credits.BULK
        self._pages(needed, most, purpose)

    def for_edits(self, cancels):
        """Look for what may have come in the place of orders that closed as an edit closes one."""
        moments = [at for at in map(self._closed_at, cancels) if at is not None]
        if not moments or self._is_late():
            return
        first, last = min(moments) - pasts.SAME_MOMENT, max(moments) + pasts.SAME_MOMENT

        def needed(rows):
            is_over = rows and (self._is_late() or paging.is_passed(rows, first, last))
            return 0 if is_over else 1

        self._pages(needed, PAGES_OF_EDITS, credits.PROOF)

    def by_id(self, cancel):
        """Ask for the events of one order."""
        if self._is_late():
            return
        evidence, routes, order_id = self._evidence, self._routes, cancel.order_id
        params = {"order_id": order_id}
        answer = evidence.reader.ask(routes.by_id, params, routes.events, order_id=order_id)
        evidence.readings.append(answer)
        if answer.is_unknown:
            evidence.unknown.add(order_id)
        elif answer.value is None:
            evidence.unread_ids[order_id] = answer.why
        elif evidence.is_ours(cancel):
            evidence.add(pasts.of_events(answer.value.rows))
        else:
            evidence.unowned[order_id] = pasts.of_events(answer.value.rows)

    def _pages(self, needed, most, purpose):
        evidence, routes = self._evidence, self._routes
        reader = evidence.reader.for_purpose(purpose)
        pages = reader.pages(routes.history, self._params, routes.page, needed, most=most)
        evidence.pages = pages
        evidence.readings += pages.readings
        for row in pages.rows:
            evidence.add(pasts.of_row(row))

    def _closed_at(self, cancel):
        """When this cancel's order closed, where an edit may have done it and none is known yet."""
        past = self._evidence.past_of(cancel)
        if cancel.kind != CancelKind.ORDER or past is None or not past.may_be_edited:
            return None
        return None if self._evidence.last_edit_of(past) else past.ending.at


def _asked_since(cancels):
    """How many cancels of the account were asked for since the first of these: they may stand as
    deep."""
    first = min(cancel.pk for cancel in cancels)
    return Cancel.objects.filter(account=cancels[0].account_id, pk__gte=first).count()


class _Left:
    """Names of orders that are still looked for, and how long ago the oldest of them was made."""

    def __init__(self, cancels):
        self._ids = {one.order_id: one for one in cancels if one.order_id}
        self._names = {one.client_order_id.lower() for one in cancels if not one.order_id}

    def __len__(self):
        return len(self._ids) + len(self._names)

    def take(self, rows):
        """Look no longer for the orders of these rows."""
        for row in rows:
            self._ids.pop(row.order_id, None)
            self._names.discard((row.client_order_id or "").lower())

    def is_passed(self, rows) -> bool:
        """Whether the rows were read past where each of the others would stand."""
        known = [one.known_order for one in self._ids.values()]
        made_at = {order and order.created_at for order in known}
        if self._names or None in made_at:
            return False
        return paging.is_passed(rows, min(made_at))
