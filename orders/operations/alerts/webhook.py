"""The webhook that alerts go to."""

import json

from django.conf import settings

from orders.operations import outside_post
from orders.operations.outside_post import NoAnswer

TIMEOUT_S = (3, 5)  # to connect, between bytes
HEADERS = {"Content-Type": "application/json"}


class CannotTell(Exception):
    """The alert did not arrive. The text is safe to log: it names no address."""


def post(payload: dict[str, str]) -> None:
    """POST the payload as JSON. Raises `CannotTell` unless the answer is a 2xx."""
    url, body = settings.ALERT_WEBHOOK_URL, json.dumps(payload).encode()
    try:  # what it answers is not looked at
        status, _ = outside_post.post(url, body, headers=HEADERS, timeout_s=TIMEOUT_S, at_most=0)
    except NoAnswer as error:
        raise CannotTell(f"the webhook did not answer ({error})") from None
    if not 200 <= status < 300:
        raise CannotTell(f"the webhook answered HTTP {status}")
