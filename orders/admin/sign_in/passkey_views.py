"""Passkeys between signing in and the desk: what the browser is asked, and a page to set one up."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from orders.access import (
    passkey_entry,
    passkey_requests,
    passkeys,
    second_factor,
    sessions,
    sign_in,
)
from orders.access.passkey_requests import NoSite, Purpose
from orders.admin.shared.unfold import UnfoldAdminTextInputWidget
from orders.admin.sign_in import views
from orders.admin.sign_in.views import password_required
from orders.models.logins import MAX_PASSKEY_NAME


class PasskeyForm(forms.Form):
    """A new passkey: its name, and what the browser made."""

    name = forms.CharField(
        max_length=MAX_PASSKEY_NAME,
        label="Name of the passkey",
        help_text="So that you know it again: the device or the key that holds it.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "autofocus": ""}),
    )
    passkey = forms.CharField(widget=forms.HiddenInput, required=False)


@login_not_required
@never_cache
@require_POST
def entry_options(request: HttpRequest) -> HttpResponse:
    """Tell the browser to have any passkey of this site sign, for whoever is at the door."""
    return _answered(lambda: passkey_entry.options(request))


@login_not_required
@never_cache
@sensitive_post_parameters()
@require_POST
def enter(request: HttpRequest) -> HttpResponse:
    """Let in whose passkey signed, or go back to the door and say why not."""
    if request.user.is_authenticated:
        return redirect("admin:index")
    try:
        passkey_entry.enter(request=request, answer=request.POST.get("passkey", ""))
    except (passkeys.Refused, NoSite, sign_in.Throttled) as refused:
        messages.error(request, str(refused))
        return redirect("admin:login")
    return redirect(views.next_of(request))


@require_POST
@password_required
def passkey_options(request: HttpRequest) -> HttpResponse:
    """Tell the browser which passkeys may sign, and what: a challenge of this session."""
    user = sessions.person_of(request)
    return _answered(lambda: _to_prove(request, user))


@require_POST
@password_required
def enrol_passkey_options(request: HttpRequest) -> HttpResponse:
    """Tell the browser how to make a passkey."""
    sign_in.demand_proof_to_enrol(request)
    user = sessions.person_of(request)
    return _answered(lambda: _to_enrol(request, user))


@password_required
def enrol_passkey(request: HttpRequest) -> HttpResponse:
    """Take a name and a new passkey; show the recovery codes where it is the first factor."""
    if not sign_in.may_enrol(request):
        return redirect("admin:second_factor")
    sign_in.demand_proof_to_enrol(request)
    form = PasskeyForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        name, answer = form.cleaned_data["name"], form.cleaned_data["passkey"]
        try:
            codes = sign_in.enrol_passkey(request=request, name=name, answer=answer)
            return views.enrolled(request, codes, said=f"Passkey “{name}” is set up.")
        except (passkeys.Refused, NoSite) as refused:
            form.add_error(None, str(refused))
    is_second = second_factor.is_enrolled(sessions.person_of(request))
    return views.show(
        request,
        "desk/sign_in/passkey.html",
        title="Set up a passkey",
        form=form,
        is_second=is_second,
        status=422 if form.is_bound else 200,
    )


def _to_prove(request: HttpRequest, user: Any) -> dict[str, Any]:
    site = passkey_requests.site_of(request)
    challenge = passkey_requests.begin_challenge(request, Purpose.PROVE)
    return passkeys.request_options(user=user, site=site, challenge=challenge)


def _to_enrol(request: HttpRequest, user: Any) -> dict[str, Any]:
    site = passkey_requests.site_of(request)
    challenge = passkey_requests.begin_challenge(request, Purpose.ENROL)
    return passkeys.creation_options(user=user, site=site, challenge=challenge)


def _answered(options: Callable[[], dict[str, Any]]) -> JsonResponse:
    """Return the options, or why there are none."""
    try:
        return JsonResponse(options())
    except (passkeys.Refused, NoSite) as refused:
        return JsonResponse({"refused": str(refused)}, status=422)
