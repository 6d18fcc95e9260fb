"""What every page asks about what its person may see, prepared: the person is all that differs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.db.models import QuerySet

from orders.models.desks import Right, is_active_person, sees_everything
from orders.models.prepared import Searching, Value

if TYPE_CHECKING:
    from orders.models.desks import Person

Row = TypeVar("Row")
Seen = Callable[[Any], Any]  # takes rows of desks or accounts, and returns those that are seen


#: For the test that holds them against `visible_to`.
ALL: "list[ForPerson[Any]]" = []


class ForPerson(Generic[Row]):
    """A question about rows of desks, prepared for whoever sees some desks and for who sees all.

    ``build``: makes the queryset from ``seen``, which narrows rows as `visible_to` does, and from
    values given by name, of which there are two ``samples`` each.
    """

    def __init__(
        self, build: Callable[..., QuerySet[Any, Row]], **samples: tuple[Value, Value]
    ) -> None:
        self.build, self.samples = build, samples

        def of_some(user_id: int, **values: Value) -> QuerySet[Any, Row]:
            return build(lambda rows: rows.held_by(user_id, Right.VIEW), **values)

        def of_all(**values: Value) -> QuerySet[Any, Row]:
            return build(lambda rows: rows, **values)

        self._of_some: Searching[Row] = Searching(of_some, user_id=(1, 2), **samples)
        self._of_all: Searching[Row] = Searching(of_all, **samples)
        ALL.append(self)

    def __call__(self, user: "Person", **values: Value) -> list[Row]:
        """Return the rows that this person may see."""
        if sees_everything(user):
            return self._of_all(**values)
        return self._of_some(user_id=user.pk, **values) if is_active_person(user) else []
