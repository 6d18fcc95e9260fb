"""Row ids: long lists of them as one parameter or a few at a time, and texts that may be one."""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from django.db.models import IntegerField, Lookup

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler

AT_ONCE = 500  # rows that one query names or reads
T = TypeVar("T")
MAX_ROW_ID = 2**63 - 1  # that a column of ours holds


def number(text: str) -> int | None:
    """A text from outside as a whole number that a column of ours holds; None where it is none."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_ROW_ID))
    return int(text) if is_number and int(text) <= MAX_ROW_ID else None


def is_row_id(text: str) -> bool:
    """Whether a text from outside may be a row's number."""
    return number(text) is not None


def portions(rows: Sequence[T], size: int = AT_ONCE) -> Iterator[Sequence[T]]:
    """A list cut into lists of at most ``size``, in order."""
    return (rows[start : start + size] for start in range(0, len(rows), size))


def listed(numbers: Collection[int | None], connection: "BaseDatabaseWrapper") -> str:
    """Write whole numbers as the one parameter of `AnyOf`."""
    joined = ",".join([str(int(one)) for one in sorted(one for one in numbers if one is not None)])
    return f"[{joined}]" if connection.vendor == "sqlite" else f"{{{joined}}}"


@IntegerField.register_lookup
class AnyOf(Lookup):
    """``pk__any={…}``: as ``pk__in``, for hundreds of whole numbers.

    Django prepares each value of an IN by itself and the database reads as many parameters; for
    the 250 cancels of a chunk that took longer than the statement. A set, for Django looks at each
    value of a list or a tuple whatever the lookup. None equals nothing, as there.
    """

    lookup_name = "any"
    prepare_rhs = False

    def as_sqlite(
        self, compiler: "SQLCompiler", connection: "BaseDatabaseWrapper"
    ) -> tuple[str, list[Any]]:
        """SQLite takes the list as JSON."""
        name, params = self.process_lhs(compiler, connection)
        sql = f"{name} IN (SELECT value FROM json_each(%s))"  # noqa: S608 our own column
        return sql, [*params, listed(self.rhs, connection)]

    def as_postgresql(
        self, compiler: "SQLCompiler", connection: "BaseDatabaseWrapper"
    ) -> tuple[str, list[Any]]:
        """PostgreSQL takes it as an array."""
        name, params = self.process_lhs(compiler, connection)
        return f"{name} = ANY(%s::bigint[])", [*params, listed(self.rhs, connection)]
