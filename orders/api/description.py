"""The API described for programs: OpenAPI made from the routes themselves."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from ninja import NinjaAPI

from orders.api.callers import Bearer
from orders.api.problems import MEDIA_TYPE, Problem, Refused, answer
from orders.models import TokenRight

PROBLEMS = (400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503)  # any route may answer so
REF = {"$ref": "#/components/schemas/Problem"}


def described(api: NinjaAPI) -> dict[str, Any]:
    """Return the description as plain JSON values."""
    schema = dict(api.get_openapi_schema(path_prefix="/api/v1/"))
    schema["components"]["schemas"]["Problem"] = Problem.json_schema()
    for path in schema["paths"].values():
        for operation in path.values():
            operation["responses"] = _told(operation["responses"])
    return schema


def _told(responses: dict[Any, Any]) -> dict[str, Any]:
    """Return the answers of an operation by status as text, with every problem among them."""
    told = {str(status): about for status, about in responses.items()}
    problem = {"description": "A problem.", "content": {MEDIA_TYPE: {"schema": REF}}}
    told |= {str(status): problem for status in PROBLEMS}
    later = {"headers": {"Retry-After": {"schema": {"type": "integer"}}}}
    told |= dict.fromkeys(("429", "503"), problem | later)
    return told


def view(api: NinjaAPI) -> Any:
    """Return the view of the description, for a token or a person who is signed in."""
    read = Bearer(*TokenRight)

    @require_safe
    def openapi(request: HttpRequest) -> HttpResponse:
        try:
            if not request.user.is_authenticated:
                read(request)
        except Refused as refused:
            return answer(refused.status, refused.detail, headers=refused.headers)
        return JsonResponse(described(api))

    return openapi
