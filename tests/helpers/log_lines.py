"""What processes would log as JSON, read by a test."""

import io
import json
import logging
from contextlib import contextmanager

from desk import logs


class Lines(io.StringIO):
    """Everything said so far; ``read`` gives it as objects."""

    def objects(self, **wanted):
        """The lines that have these values, oldest first."""
        every = [json.loads(line) for line in self.getvalue().splitlines()]
        return [one for one in every if wanted.items() <= one.items()]


@contextmanager
def json_lines(level=logging.INFO):
    """Within, all that is logged from this severity on is also written as JSON lines."""
    lines = Lines()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logs.json_lines())
    usual = {name: logging.getLogger(name).level for name in (None, logs.RECORDS)}
    for name in usual:
        logging.getLogger(name).setLevel(level)
    logging.getLogger().addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(handler)
        for name, before in usual.items():
            logging.getLogger(name).setLevel(before)
