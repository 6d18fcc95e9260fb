"""Send the requests of a chunk: a single one, or many side by side."""

import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime

from orders.delivery import one_request
from orders.delivery.openings import Opening
from orders.delivery.sending_threads import LOOK_EVERY_S, LOOK_SOON_S, SendingThreads
from orders.exchange.client import THREADS, client, is_stale
from orders.lifecycle.deliveries import OutgoingRequest
from orders.pacifica.client import Answer
from orders.pacifica.side_by_side import SideBySide

logger = logging.getLogger(__name__)


def send(
    requests: list[OutgoingRequest],
    clock: Callable[[], datetime],
    is_stopped: Callable[[], bool],
    api_config_key: str | None = None,
    opening: Opening | None = None,
) -> None:
    """Send side by side, touching no database meanwhile but by ``is_stopped``.

    What waited too long for its turn is not sent, nor anything once ``is_stopped`` says so; it is
    asked before each leaves, and while some wait for a thread. Nothing that befalls one of them,
    or that question, loses the answers to the others. ``opening``: of `openings.make_ready`.

    This thread sends over connections that stand; what finds none is sent by a thread of its own.
    """
    if len(requests) == 1:
        if not _must_stop(is_stopped):
            one_request.send(requests[0], clock, api_config_key)
        return
    _Together(requests, clock, is_stopped, api_config_key, opening).send()


class _Together:
    """Requests that are sent together. Parameters as of `send`."""

    def __init__(
        self,
        requests: list[OutgoingRequest],
        clock: Callable[[], datetime],
        is_stopped: Callable[[], bool],
        api_config_key: str | None,
        opening: Opening | None,
    ) -> None:
        self._left, self._began = deque(requests), list[OutgoingRequest]()
        self._clock, self._is_stopped, self._key = clock, is_stopped, api_config_key
        self._opening = opening
        self._threads, self._door = SendingThreads(clock, api_config_key), _door()

    def send(self) -> None:
        """Send what may leave, and wait for every answer."""
        try:
            while self._left or self._threads.is_busy or self._is_door_busy:
                if not self._has_one_left():
                    self._wait()
        except Exception as error:
            logger.error("Sending side by side broke off: %s.", type(error).__name__)
            self._take(self._door.told() if self._door is not None else [])
            for packet in self._began:
                packet.result = packet.result or one_request.told(error, packet, self._clock())
        finally:
            if self._door is not None:
                self._door.close()
            self._threads.close()

    @property
    def _is_door_busy(self) -> bool:
        return self._door is not None and self._door.is_busy

    def _has_one_left(self) -> bool:
        """Let one leave, or drop one that is too old; False where nothing may leave now."""
        left, threads, door = self._left, self._threads, self._door
        if (left or threads.are_late) and _must_stop(self._is_stopped):
            left.clear()
            threads.end()
        elif left and is_stale(left[0].requests[0], self._clock()):
            left.popleft()
            return True
        elif left and door is not None and door.has_room():
            packet = left.popleft()
            self._began.append(packet)
            door.begin(packet, packet.route, packet.body, self._key)
            return True
        elif left and self._may_take_thread():
            if not threads.take(left.popleft()):
                left.clear()
            return True
        return False

    def _may_take_thread(self) -> bool:
        """Whether what has no connection shall be sent by a thread, which opens one."""
        if self._opening is not None and self._opening.is_worth_waiting_for:
            return False
        beside = self._door.under_way if self._door is not None else 0
        return self._threads.under_way + beside < THREADS

    def _wait(self) -> None:
        """Wait until something ends, or it is time to look again."""
        door, threads = self._door, self._threads
        if door is None or not (door.is_busy or (self._left and not threads.is_busy)):
            threads.wait()
            return
        is_soon = threads.is_busy or (self._opening is not None and not self._opening.is_over)
        self._take(door.wait(LOOK_SOON_S if is_soon else LOOK_EVERY_S))
        threads.collect()

    def _take(self, told: list[tuple[OutgoingRequest, Answer | Exception]]) -> None:
        for packet, result in told:
            packet.result = one_request.told(result, packet, self._clock())


def _door() -> SideBySide[OutgoingRequest] | None:
    """Make the door for many; None through a proxy, or where the machine has no means for it."""
    try:
        return client().side_by_side(THREADS)
    except Exception as error:
        logger.error("Requests are sent by a thread each: %s.", type(error).__name__)
        return None


def _must_stop(is_stopped: Callable[[], bool]) -> bool:
    """Whether the rest must wait; where that cannot be told, it must."""
    try:
        return is_stopped()
    except Exception as error:
        logger.error("Whether to stop could not be asked: %s.", type(error).__name__)
        return True
