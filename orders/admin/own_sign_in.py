"""What a person's own page tells of their sessions and second factor, and what it lets them do."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from orders.access import own_sessions, own_sign_ins, passkeys, second_factor, sessions
from orders.access.own_sessions import IsThisOne
from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.accounts import single_sign_on
from orders.admin.shared.screens import name_page

if TYPE_CHECKING:
    from orders.admin.site import DeskAdminSite

PAGE = "admin:own_settings"
CODES_TITLE = "New recovery codes"
FEW_CODES = 3  # and fewer: time to make new ones


def facts(request: HttpRequest) -> dict[str, Any]:
    """What the page shows beside the person's choices."""
    user = sessions.person_of(request)
    left = second_factor.codes_left(user=user)
    return {
        "sessions": own_sessions.of(user=user, this_key=request.session.session_key),
        "sign_ins": own_sign_ins.of(user=user),
        "is_enrolled": second_factor.is_enrolled(user),
        "enrolled_at": second_factor.enrolled_at(user),
        "passkey_count": passkeys.of(user).count(),
        "codes_left": left,
        "are_codes_few": left <= FEW_CODES,
        "sign_on": settings.SINGLE_SIGN_ON,
        "identity": single_sign_on.identity_of(user),
        "has_password": single_sign_on.has_password(user),
    }


class OwnSignIn:
    """The acts of the page: each on the person's own sessions and codes alone, by POST."""

    def __init__(self, site: "DeskAdminSite") -> None:
        self.site = site

    def addresses(self) -> Iterator[URLPattern]:
        """Return the addresses of them all."""
        view, own = self.site.admin_view, "your-settings/"
        yield path(f"{own}sessions/end/", view(self.end), name="own_settings_end_session")
        yield path(
            f"{own}sessions/end-others/", view(self.end_others), name="own_settings_end_others"
        )
        yield path(f"{own}recovery-codes/", view(self.renew_codes), name="own_settings_codes")

    @method_decorator(require_POST)
    def end(self, request: HttpRequest) -> HttpResponseRedirect:
        """End one of the person's other sessions."""
        try:
            ended = own_sessions.end(request=request, name=request.POST.get("session", ""))
            messages.success(request, f"Ended: {ended.words}. Who is in it has to sign in again.")
        except (NotAllowed, IsThisOne) as why:
            messages.warning(request, str(why))
        return redirect(PAGE)

    @method_decorator(require_POST)
    def end_others(self, request: HttpRequest) -> HttpResponseRedirect:
        """End every session of the person but this one."""
        count = own_sessions.end_others(request=request)
        sentence = f"{count} other session{'' if count == 1 else 's'} ended."
        messages.success(request, sentence if count else "No other session was open.")
        return redirect(PAGE)

    @method_decorator(require_POST)
    @method_decorator(sensitive_variables("codes"))
    def renew_codes(self, request: HttpRequest) -> TemplateResponse | HttpResponseRedirect:
        """Make new recovery codes, shown this once; it asks for a fresh proof."""
        sessions.demand_fresh(request)
        user = sessions.person_of(request)
        try:
            codes = second_factor.renew_codes(user=user, actor=actor_of(request))
        except second_factor.NoFactor as why:
            messages.warning(request, str(why))
            return redirect(PAGE)
        request.current_app = self.site.name
        name_page(request, CODES_TITLE)
        own = {"title": CODES_TITLE, "codes": codes}
        context = self.site.each_context(request) | own
        return TemplateResponse(request, "desk/own/recovery_codes.html", context)
