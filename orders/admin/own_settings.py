"""A person's own page: sessions, second factor, last sign-ins, time zone, views of the orders."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_http_methods, require_POST

from orders.access import preferences
from orders.access.preferences import NotKept
from orders.access.sessions import person_of
from orders.admin import own_sign_in
from orders.admin.shared import saved_views
from orders.admin.shared.screens import name_page
from orders.models.lookups import MAX_ROW_ID

if TYPE_CHECKING:
    from orders.admin.site import DeskAdminSite

TITLE = "Your settings"
PAGE = "admin:own_settings"


class OwnSettings:
    """The views of the page and of what it sends; each touches the person's own rows alone."""

    def __init__(self, site: "DeskAdminSite") -> None:
        self.site = site

    def addresses(self) -> Iterator[URLPattern]:
        """Return the addresses of them all."""
        view, of_views = self.site.admin_view, "orders/savedview/"
        yield path("your-settings/", view(self.page), name="own_settings")
        yield path(f"{of_views}save/", view(self.save), name="orders_savedview_save")
        one = f"{of_views}<int:object_id>/delete/"
        yield path(one, view(self.delete), name="orders_savedview_delete")

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def page(self, request: HttpRequest) -> HttpResponse:
        """Show the page; on POST keep the time zone."""
        if request.method == "POST":
            return self._choose(request)
        request.current_app = self.site.name
        name_page(request, TITLE)
        user = person_of(request)
        own = {
            "title": TITLE,
            "zones": preferences.time_zones(),
            "chosen": preferences.zone_of(user).key,
            "views": saved_views.of(request),
        }
        context = self.site.each_context(request) | own_sign_in.facts(request) | own
        return TemplateResponse(request, "desk/own_settings.html", context)

    def _choose(self, request: HttpRequest) -> HttpResponseRedirect:
        name = request.POST.get("time_zone", "")
        try:
            preferences.choose_time_zone(user=person_of(request), name=name)
            messages.success(request, f"Pages tell times in the time zone {name} now.")
        except NotKept as why:
            messages.warning(request, str(why))
        return redirect(PAGE)

    @method_decorator(require_POST)
    def save(self, request: HttpRequest) -> HttpResponseRedirect:
        """Keep the list's filter and sorting under a name, and come back to the list."""
        query = saved_views.query_of(request.POST.get("query", ""))
        try:
            name = request.POST.get("name", "")
            view = preferences.save_view(user=person_of(request), name=name, query=query)
            messages.success(request, f"View “{view.name}” saved.")
        except NotKept as why:
            messages.warning(request, str(why))
        return redirect(f"{reverse(saved_views.LIST)}?{query}")

    @method_decorator(require_POST)
    def delete(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """Delete one of the person's own views."""
        is_number = object_id <= MAX_ROW_ID
        if not (is_number and preferences.delete_view(user=person_of(request), view_id=object_id)):
            raise Http404
        messages.success(request, "View deleted.")
        return redirect(PAGE)
