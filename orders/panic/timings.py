"""How long emptying a book takes at most, and how long it waits for what."""

from dataclasses import dataclass
from datetime import timedelta

from orders.models.cancels import MARGIN, MAX_LIFE, READ_LAG


@dataclass(frozen=True)
class Timings:
    """Those of one line, from its cancel-all to a book seen empty."""

    deadline_s: int = 30  # of reading back, before a person is asked
    #: What waiting for credits adds to it at most: the exchange's 429 pauses a pool for a minute.
    credit_wait_s: float = 120
    first_pause_s: float = 0.1  # between two looks; each is longer than the one before
    max_pause_s: float = 2  # between two looks
    credit_pause_s: float = 0.5  # between two looks, where credits are short
    max_wait_s: float = 10  # for a signature's end, before the lease is renewed
    lag: timedelta = timedelta(seconds=1.5)  # what cancel-all took may be listed after its yes
    #: A look shows what was open that long ago, where no cancel-all went out for it to show.
    reads_lag: timedelta = READ_LAG
    margin: timedelta = MARGIN  # past a signature's end
    max_life: timedelta = MAX_LIFE  # of a request


TIMINGS = Timings()
