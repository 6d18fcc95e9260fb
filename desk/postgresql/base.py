"""Django's PostgreSQL backend, for a database on several hosts of which one may be gone.

A host that vanishes says nothing, and by default the server waits two hours before it asks. Until
then it keeps what that client's transaction holds: perhaps the lock of the log, without which
nobody can record anything, and so nobody may send.

A server's host that is gone costs each new connection two seconds for as long as it stands before
the others in the address. So whoever found the server that takes writes begins with it next time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.postgresql import base

from desk.databases import LOOKS_FOR_CLIENT, OFTEN

ASK = "SELECT " + ", ".join(
    f"set_config('{name}', '{value}', false)" for name, value in LOOKS_FOR_CLIENT.items()
)
Place = tuple[str, str]  # host and port
_found: Place | None = None  # the server that took writes when this process last connected


class DatabaseWrapper(base.DatabaseWrapper):
    """Behind a pooler that shares connections nothing is set: the client's host is the pooler's."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        global _found
        connection = super().get_new_connection(conn_params | found_first(conn_params, _found))
        if wants_writes(conn_params):
            _found = (connection.info.host, str(connection.info.port))
        return connection

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """Within, what is asked often is prepared, unless the address forbids it."""
        self.ensure_connection()
        usual = self.connection.prepare_threshold
        if usual is not None:
            self.connection.prepare_threshold = min(usual, OFTEN)
        try:
            yield
        finally:
            if self.connection is not None:
                self.connection.prepare_threshold = usual

    def init_connection_state(self) -> None:
        super().init_connection_state()
        if self.settings_dict["OPTIONS"].get("prepare_threshold", 0) is not None:
            self.connection.execute(ASK)
            self.connection.commit()


def wants_writes(given: dict[str, Any]) -> bool:
    """Whether only one of the hosts will do: then it makes no difference who is asked first."""
    return given.get("target_session_attrs") in {"read-write", "primary"}


def found_first(given: dict[str, Any], found: Place | None) -> dict[str, str]:
    """Hosts and ports in the order of the address, but for the one found last, which is first."""
    places = _places(given)
    if found not in places or not wants_writes(given):
        return {}
    ordered = sorted(places, key=lambda place: place != found)
    return {
        "host": ",".join(host for host, _ in ordered),
        "port": ",".join(port for _, port in ordered),
    }


def _places(given: dict[str, Any]) -> list[Place]:
    hosts, ports = str(given.get("host", "")).split(","), str(given.get("port", "")).split(",")
    if len(ports) == 1:  # one for all
        ports *= len(hosts)
    pairs = zip(hosts, ports, strict=False)  # the driver tells of a number that does not match
    return [(host, port or "5432") for host, port in pairs]
