"""All routes of the API, and where each stands."""

from django.urls import URLPattern, URLResolver, path
from ninja import NinjaAPI

from orders.api import (
    bulk_routes,
    cancel_routes,
    description,
    guard_routes,
    health_route,
    panic_route,
    problems,
    read_routes,
)

api = NinjaAPI(
    title="Pacifica Desk",
    version="1",
    description="Cancel orders of one desk, as its own programs may. See docs/api.md.",
    openapi_url=None,
    docs_url=None,
    urls_namespace="api-1",
)
api.get_openapi_operation_id = lambda operation: operation.view_func.__name__  # type: ignore[method-assign]
problems.connect(api)
for router in (
    read_routes.router,
    health_route.router,
    cancel_routes.cancelling,
    bulk_routes.router,
    panic_route.router,
    cancel_routes.stopping,
    guard_routes.reading,
    guard_routes.beating,
    guard_routes.arm_router,
):
    api.add_router("", router)

urlpatterns: list[URLPattern | URLResolver] = [
    path("openapi.json", description.view(api), name="api_description"),
    path("", api.urls),
]
