"""Django's PostgreSQL backend, whose server soon notices that a client's host is gone.

A host that vanishes says nothing, and by default the server waits two hours before it asks. Until
then it keeps what that client's transaction holds: perhaps the lock of the log, without which
nobody can record anything, and so nobody may send.
"""

from django.db.backends.postgresql import base

from desk.databases import LOOKS_FOR_CLIENT

ASK = "SELECT " + ", ".join(
    f"set_config('{name}', '{value}', false)" for name, value in LOOKS_FOR_CLIENT.items()
)


class DatabaseWrapper(base.DatabaseWrapper):
    """Behind a pooler that shares connections nothing is set: the client's host is the pooler's."""

    def init_connection_state(self) -> None:
        super().init_connection_state()
        if self.settings_dict["OPTIONS"].get("prepare_threshold", 0) is not None:
            self.connection.execute(ASK)
            self.connection.commit()
