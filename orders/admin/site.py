"""The admin's site: our own way in, and what every page asks it for."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe

from orders.access import passkey_entry
from orders.admin import help_pages, overview
from orders.admin.own_settings import OwnSettings
from orders.admin.own_sign_in import OwnSignIn
from orders.admin.second_factor_pages import SecondFactorPages
from orders.admin.shared import versions
from orders.admin.shared.screens import fragment
from orders.admin.shared.unfold import UnfoldAdminSite
from orders.admin.sign_in import views as sign_in_views
from orders.admin.sign_in.addresses import addresses as sign_in_addresses
from orders.admin.sign_in.new_password import NewPassword
from orders.admin.site_state import SiteState, state_of

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


class DeskAdminSite(UnfoldAdminSite):
    """The theme's site with a second factor, recorded passwords and no inline style."""

    login_form = sign_in_views.SignInForm
    login_template = "desk/sign_in/login.html"

    def extra_urls(self) -> list[URLPattern]:
        """Pages that belong to no screen."""
        running = self.admin_view(self.running_view)
        return [
            *sign_in_addresses(),
            *OwnSettings(self).addresses(),
            *OwnSignIn(self).addresses(),
            *SecondFactorPages(self).addresses(),
            path("orders/canceljob/running/", running, name="orders_canceljob_running"),
            path("counts/", self.admin_view(self.counts_view), name="counts"),
            path("help/<path:name>/", self.admin_view(self.help_view), name="help"),
            path("pictures/", self.admin_view(self.pictures_view), name="pictures"),
        ]

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Every page, with the log's position noted before it reads anything."""

        @wraps(view)
        def begun(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            versions.begin(request)
            return view(request, *args, **kwargs)

        return super().admin_view(cast(View, begun), cacheable)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The screens of one app; of all of them no page shows a list, so none is made."""
        return super().get_app_list(request, app_label) if app_label else []

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """The frame of every page, less the colours that the theme would write into a style."""
        return super().each_context(request) | {"colors": None}

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's page, with the other ways in that are set up."""
        ways = {"sign_on": settings.SINGLE_SIGN_ON, "takes_passkeys": passkey_entry.is_on()}
        return super().login(request, ways | (extra_context or {}))

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:  # a page, or the way to the next: Django's stubs know the page alone
        """The page of a new password, in the frame of the others."""
        request.current_app = self.name
        frame = self.each_context(request) | (extra_context or {})
        return NewPassword.as_view(extra_context=frame)(request)

    @method_decorator(require_safe)
    def running_view(self, request: HttpRequest) -> HttpResponse:
        """What runs now and whether anything sends: every page asks for it while it is open."""
        state = SiteState(request, here=request.GET.get("here"))
        if not state.may_view:
            raise PermissionDenied
        beside = state.is_sending, state.untaken_panics, state.guards.version
        facts = {"desk_site": state}
        return versions.unchanged(request, *beside) or versions.versioned(
            fragment(render_to_string("desk/shared/_site_state.html", facts, request)),
            request,
            *beside,
        )

    @method_decorator(require_safe)
    def pictures_view(self, request: HttpRequest) -> HttpResponse:
        """The overview's pictures; where the page has them already, their figures alone."""
        if not state_of(request).may_view:
            raise PermissionDenied
        facts = {"pictures": overview.pictures(request), "is_apart": "figures" in request.GET}
        return fragment(render_to_string("desk/pictures/_overview.html", facts, request))

    @method_decorator(require_safe)
    def counts_view(self, request: HttpRequest) -> HttpResponse:
        """What the menu and the overview count; open pages ask when something changed."""
        state = state_of(request)
        if not state.may_view:
            raise PermissionDenied
        if same := versions.unchanged(request):
            return same
        html = render_to_string("desk/shared/_counts.html", {"desk_site": state}, request)
        return versions.versioned(fragment(html), request)

    @method_decorator(require_safe)
    def help_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """A document, for whoever is signed in."""
        return help_pages.view(request, self.each_context(request), name)
