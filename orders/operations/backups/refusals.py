"""The one error of backups: nothing was written or touched, and the text says why."""

STOP = "Stop web, workers, sweep, stream, push and watch first"


class CannotCopy(Exception):
    """No backup was made, or none was put back; the text says why and what to do."""
