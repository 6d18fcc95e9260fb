"""The timings of a panic in a test."""

from datetime import timedelta

from orders.panic.timings import Timings

# It gives up after seconds and sees a signature's end at once: five seconds are a signature's life.
QUICK = Timings(
    deadline_s=3,
    first_pause_s=0.01,
    lag=timedelta(milliseconds=200),
    reads_lag=timedelta(milliseconds=400),
    margin=timedelta(milliseconds=-4500),
)
