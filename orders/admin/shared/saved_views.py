"""Views of the list of orders that a person named: each is an address, which anybody may open."""

from typing import NamedTuple

from django.http import HttpRequest, QueryDict
from django.urls import reverse

from orders.access.sessions import person_of
from orders.admin.shared.filters import StateFilter
from orders.models import SavedView
from orders.models.prepared import Prepared

LIST = "admin:orders_order_changelist"
NOT_KEPT = ("p", StateFilter.SINCE)  # where one was in the list is no part of a view


class View(NamedTuple):
    """A saved view as a link. ``is_here``: the list shows it now."""

    pk: int
    name: str
    link: str
    is_here: bool


def of(request: HttpRequest) -> list[View]:
    """Return the person's views; one query."""
    here, address = query_of(request.GET.urlencode()), reverse(LIST)
    own = _own(user_id=person_of(request).pk)
    return [View(one.pk, one.name, f"{address}?{one.query}", one.query == here) for one in own]


_own = Prepared(lambda user_id: SavedView.objects.filter(user_id=user_id), user_id=(1, 2))


def query_of(text: str) -> str:
    """Return the part of an address that a view keeps: filters, search and sorting, in order."""
    query = QueryDict(text)
    kept = [(name, query[name]) for name in sorted(query) if name not in NOT_KEPT and query[name]]
    made = QueryDict(mutable=True)
    for name, value in kept:
        made[name] = value
    return made.urlencode()
