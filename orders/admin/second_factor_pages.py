"""Second factors as pages: a person's own, and another person's for administrators."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST, require_safe

from orders.access import four_eyes, passkeys, second_factor, second_factor_off, sessions, sign_in
from orders.access.sessions import person_of
from orders.access.sign_in_log import actor_of
from orders.admin.shared import waiting
from orders.admin.shared.screens import is_administrator, name_page
from orders.models import Passkey
from orders.models.lookups import MAX_ROW_ID
from orders.templatetags.desk import visible

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from orders.admin.site import DeskAdminSite

TITLE = "Your second factor"
OWN, ANOTHERS = "admin:own_second_factor", "admin:auth_user_second_factor"


class SecondFactorPages:
    """The views: what a person signs in with, and the removal of a passkey."""

    def __init__(self, site: "DeskAdminSite") -> None:
        self.site = site

    def addresses(self) -> Iterator[URLPattern]:
        """Return the addresses of them all."""
        view = self.site.admin_view
        yield path("your-second-factor/", view(self.own), name="own_second_factor")
        anothers = "auth/user/<int:object_id>/second-factor/"
        yield path(anothers, view(self.anothers), name="auth_user_second_factor")
        remove = "orders/passkey/<int:object_id>/remove/"
        yield path(remove, view(self.remove), name="orders_passkey_remove")

    @method_decorator(require_safe)
    def own(self, request: HttpRequest) -> HttpResponse:
        """Show what the person signs in with."""
        return self._page(request, person_of(request), TITLE, is_own=True)

    @method_decorator(require_safe)
    def anothers(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Show what another person signs in with, to administrators."""
        if not is_administrator(request):
            raise PermissionDenied
        person = _person(object_id)
        title = f"Second factor of {visible(person.get_username())}"
        return self._page(request, person, title, is_own=person.pk == request.user.pk)

    def _page(
        self, request: HttpRequest, person: "User", title: str, *, is_own: bool
    ) -> TemplateResponse:
        request.current_app = self.site.name
        name_page(request, title)
        facts = {
            "title": title,
            "person": person,
            "is_own": is_own,
            "has_app": second_factor.has_authenticator(person),
            "passkeys": passkeys.of(person),
            "codes_left": second_factor.codes_left(user=person),
            "is_off_waiting": four_eyes.is_needed_of(person),
            "why_last_stays": passkeys.LAST,
            "is_full": passkeys.of(person).count() >= passkeys.MAX_PASSKEYS,
        }
        context = self.site.each_context(request) | facts
        return TemplateResponse(request, "desk/second_factor.html", context)

    @method_decorator(require_POST)
    def remove(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Remove one's own passkey, or another person's as an administrator."""
        found = Passkey.objects.filter(pk=object_id) if object_id <= MAX_ROW_ID else None
        passkey = found.select_related("user").first() if found is not None else None
        if passkey is not None and passkey.user_id == request.user.pk:
            return _remove_own(request, passkey)
        if passkey is None or not is_administrator(request):
            raise Http404
        return _remove_anothers(request, passkey)


def _remove_own(request: HttpRequest, passkey: Passkey) -> HttpResponseRedirect:
    try:
        name = sign_in.remove_passkey(request=request, passkey_id=passkey.pk)
    except passkeys.LastFactor as why:
        messages.warning(request, str(why))
        return redirect(OWN)
    return _removed(request, name)


def _remove_anothers(request: HttpRequest, passkey: Passkey) -> HttpResponseRedirect:
    sessions.demand_fresh(request)
    person, actor = passkey.user, actor_of(request)
    try:
        name = second_factor_off.remove_passkey(
            person=person, passkey_id=passkey.pk, user=request.user, actor=actor
        )
    except four_eyes.Waits as waits:
        return waiting.lead_to(request, waits)
    except four_eyes.NoLonger as why:
        messages.warning(request, str(why))
        return redirect(ANOTHERS, passkey.user_id)
    return _removed(request, name, passkey.user_id)


def _removed(
    request: HttpRequest, name: str | None, person_id: int | None = None
) -> HttpResponseRedirect:
    if name is None:
        messages.warning(request, "That passkey was removed before.")
    else:
        messages.success(request, f"Passkey “{visible(name)}” is removed.")
    return redirect(OWN) if person_id is None else redirect(ANOTHERS, person_id)


def _person(user_id: int) -> "User":
    person = get_user_model().objects.filter(pk=user_id).first() if user_id <= MAX_ROW_ID else None
    if person is None:
        raise Http404
    return person
