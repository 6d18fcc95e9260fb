"""How often the stream is asked whether it lives, how long it is waited for, how much is held."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Timings:
    """Seconds, and a few counts. Sources: docs.pacifica.fi websocket pages."""

    connect_s: float = 8  # name, connect, TLS and handshake
    ping_every_s: float = 10  # the exchange closes after 60 s of our silence
    pong_within_s: float = 5  # else nothing comes any more: the stream is lost
    ack_within_s: float = 5  # a subscription that is not acknowledged by then was refused
    subscribe_again_s: float = 60  # after it was not
    life_s: float = 23 * 3600  # the exchange's is 24 h
    life_jitter: float = 0.05  # of it, taken off at random
    close_s: float = 1
    first_pause_s: float = 0.5  # before connecting again; doubled each time, half of it at random
    max_pause_s: float = 30
    steady_after_s: float = 30  # a connection that stood so long begins with the first pause again
    round_s: float = 3  # between two renewals of the leases
    apply_again_s: float = 1  # after frames could not be written
    apply_tries: int = 5
    held_s: float = 3  # at most, without reading a frame, while a panic is given way to
    look_again_s: float = 0.02  # whether frames may be read again, while a panic is given way to
    behind_after_s: float = 5  # that a change waits to be written: then the stream does not count
    between_reads_s: float = 5  # of one account, however many gaps there are
    catch_up_again_s: float = 2  # after a read failed or another gap; doubled each time
    max_catch_up_s: float = 60
    reads_lag_s: float = 31  # so long after it a read shows all that was before a subscription
    look_up_again_s: float = 15  # after the history could not be read; doubled each time
    max_look_up_again_s: float = 3600
    stop_within_s: float = 3  # for what is being written


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one process holds at most."""

    accounts: int = 2_000
    new_accounts: int = 100  # leased in one round, so that processes started together share
    addresses: int = 20  # of one connection: subscriptions to one channel
    waiting_frames: int = 10_000  # of one account; beyond it they are dropped and a read follows
    waiting_bytes: int = 32 * 1024 * 1024  # of these frames, together
    database_threads: int = 2
    read_threads: int = 4


TIMINGS = Timings()
LIMITS = Limits()
