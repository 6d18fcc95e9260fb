"""What the API's applications in the process `push` have alike: requests and problems."""

import re

from django.core.handlers.asgi import ASGIRequest

from desk.event_streams import BadRequest, Message, Send, request_of
from orders.api import problems
from orders.api.problems import Refused

WHY = {400: "The site does not go by this name.", 403: "A token is sent over HTTPS alone."}


def readable(scope: Message, path: re.Pattern[str], method: str) -> tuple[ASGIRequest, int]:
    """Return the request as Django reads it, and the id in its path. Raises `Refused`."""
    found = path.fullmatch(scope["path"])
    if found is None:
        raise Refused(404, "Only beats and a job's events are taken here.")
    if scope["method"] != method:
        raise Refused(405, f"This is asked by {method}.", headers={"Allow": method})
    headers = [each for each in scope["headers"] if each[0] != b"cookie"]  # only a token counts
    try:
        return request_of({**scope, "headers": headers}), int(found[1])
    except BadRequest as bad:
        raise Refused(bad.status, WHY[bad.status]) from None


async def refuse(send: Send, refused: Refused) -> None:
    """Answer a problem."""
    made = problems.answer(
        refused.status, refused.detail, what_to_do=refused.what_to_do, headers=refused.headers
    )
    made.headers["Cache-Control"] = "no-store"
    headers = [(name.lower().encode(), text.encode()) for name, text in made.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": made.content})
