"""Send one request, and say how it ended whatever befell it."""

import logging
from collections.abc import Callable
from datetime import datetime

from desk import logs
from orders.exchange.client import client, is_stale
from orders.lifecycle.deliveries import OutgoingRequest
from orders.pacifica.client import Answer, AnswerLost, Unreachable

logger = logging.getLogger(__name__)


def send(
    packet: OutgoingRequest, clock: Callable[[], datetime], api_config_key: str | None
) -> None:
    """Send it and wait for its answer; what waited too long for its turn is not sent."""
    if is_stale(packet.requests[0], clock()):
        return
    try:
        packet.result = client().post(packet.route, packet.body, api_config_key=api_config_key)
    except Unreachable as unreachable:
        packet.result = unreachable
    except Exception as error:  # whatever it is: some bytes may have left before it
        packet.result = _broken_off(type(error).__name__, packet, clock())


def told(
    result: Answer | Exception, packet: OutgoingRequest, now: datetime
) -> Answer | Unreachable:
    """Return how it ended; what nobody foresaw may have left."""
    if isinstance(result, Answer | Unreachable):
        return result
    return _broken_off(type(result).__name__, packet, now)


def _broken_off(what: str, packet: OutgoingRequest, failed_at: datetime) -> AnswerLost:
    with logs.bound(cancels=[cancel.pk for cancel in packet.cancels]):
        logger.error("Sending broke off unexpectedly: %s.", what)  # its own text may hold anything
    reason = f"sending broke off unexpectedly ({what})"
    url = client().base_url + packet.route
    return AnswerLost(reason, url=url, sent_at=None, failed_at=failed_at, elapsed_ms=None)
