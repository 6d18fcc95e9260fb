"""The one door to the webhook that alerts go to; nothing else uses it."""

import json

import requests
from django.conf import settings

TIMEOUT_S = (3, 5)  # to connect, between bytes
MAX_ANSWER_BYTES = 1024  # read and thrown away


class CannotTell(Exception):
    """The alert did not arrive. The text is safe to log: it names no address."""


def post(payload: dict[str, str]) -> None:
    """POST the payload as JSON. No redirect is followed, no proxy taken from the environment.

    Raises `CannotTell` unless the answer is a 2xx.
    """
    session = requests.Session()
    session.trust_env = False
    body = json.dumps(payload).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "pacifica-desk"}
    try:
        with session.post(
            settings.ALERT_WEBHOOK_URL,
            data=body,
            headers=headers,
            timeout=TIMEOUT_S,
            allow_redirects=False,
            stream=True,
        ) as answer:
            status = answer.status_code
            next(answer.iter_content(MAX_ANSWER_BYTES), None)
    except (requests.RequestException, OSError, ValueError) as error:
        raise CannotTell(f"the webhook did not answer ({type(error).__name__})") from None
    finally:
        session.close()
    if not 200 <= status < 300:
        raise CannotTell(f"the webhook answered HTTP {status}")
