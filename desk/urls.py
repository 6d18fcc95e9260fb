"""The site is the admin."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.generic import RedirectView

from orders.admin import (
    error_pages,
    registry,  # noqa: F401 every screen registers itself before the site tells its addresses
)


def no_events(request: HttpRequest) -> HttpResponse:
    """Answer a page that wants to follow changes here, where no push process is in front: ask.

    By 204 the browser leaves it at that, without a word in its console.
    """
    return HttpResponse(status=204)


urlpatterns = [
    path("admin/", admin.site.urls),
    path("events", no_events),
    path("api/v1/", include("orders.api.routes")),
    path("", RedirectView.as_view(pattern_name="admin:index")),
]

handler400 = error_pages.bad_request
handler403 = error_pages.permission_denied
handler404 = error_pages.not_found
handler500 = error_pages.server_error
