"""The site is the admin."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.generic import RedirectView


def no_events(request: HttpRequest) -> HttpResponse:
    """Answer a page that wants to follow changes here, where no push process is in front: ask.

    By 204 the browser leaves it at that, without a word in its console.
    """
    return HttpResponse(status=204)


urlpatterns = [
    path("admin/", admin.site.urls),
    path("events", no_events),
    path("", RedirectView.as_view(pattern_name="admin:index")),
]
