"""`/health/live` and `/health/ready`, for balancers and supervisors.

They are answered before anything else looks at the request: a balancer asks by a host's number and
in plain HTTP, brings no session, and must have its answer where the database hangs. The answer is
one line and tells a stranger nothing of the site.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase, HttpResponseNotAllowed

from orders.operations.monitoring.readiness import Readiness

LIVE, READY = "/health/live", "/health/ready"


class HealthMiddleware:
    """The first of all. ``readiness``: one for the process."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response, self.readiness = get_response, Readiness()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in (LIVE, READY):
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return _answer(self.readiness.why_not() if request.path_info == READY else "")


def _answer(why_not: str) -> HttpResponse:
    return HttpResponse(
        f"{why_not or 'ok'}\n",
        status=503 if why_not else 200,
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
