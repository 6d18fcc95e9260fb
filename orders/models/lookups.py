"""A lookup for long lists of ids: one parameter instead of one for each."""

from django.db.models import IntegerField, Lookup


@IntegerField.register_lookup
class AnyOf(Lookup):
    """``pk__any={…}``: as ``pk__in``, for hundreds of whole numbers.

    Django prepares each value of an IN by itself and the database reads as many parameters; for
    the 250 cancels of a chunk that took longer than the statement. A set, for Django looks at each
    value of a list or a tuple whatever the lookup. None equals nothing, as there.
    """

    lookup_name = "any"
    prepare_rhs = False

    def as_sqlite(self, compiler, connection):
        """SQLite takes the list as JSON."""
        name, params = self.process_lhs(compiler, connection)
        sql = f"{name} IN (SELECT value FROM json_each(%s))"  # noqa: S608 our own column
        return sql, [*params, f"[{self._joined()}]"]

    def as_postgresql(self, compiler, connection):
        """PostgreSQL takes it as an array."""
        name, params = self.process_lhs(compiler, connection)
        return f"{name} = ANY(%s::bigint[])", [*params, f"{{{self._joined()}}}"]

    def _joined(self):
        return ",".join([str(int(value)) for value in sorted(self.rhs - {None})])
