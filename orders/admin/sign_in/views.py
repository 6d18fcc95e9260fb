"""The pages between signing in and the desk: second factor, enrolment, proving it is you."""

from collections.abc import Callable
from typing import Any, TypeVar

import segno
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from orders.access import passkeys, sessions, sign_in, sign_in_log
from orders.access import second_factor as access_second_factor
from orders.access.passkey_requests import NoSite
from orders.accounts import single_sign_on
from orders.admin.shared import assets
from orders.admin.shared.unfold import (
    AuthenticationForm,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextInputWidget,
)

View = Callable[[HttpRequest], HttpResponse]

WRONG = "That code does not fit, or was used before. Wait for the next one."
CONFIRM, AGAIN = "desk/sign_in/confirm.html", "Confirm that it is you"
WRONG_PASSWORD = "That is not your password."  # noqa: S105


class SignInForm(AuthenticationForm):
    """Django's sign-in, which says how long to wait after too many wrong guesses."""

    def get_invalid_login_error(self) -> ValidationError:
        verdict = sign_in_log.verdict_of(self.request)
        if verdict is not None and not verdict.is_free:
            return ValidationError(sign_in.wait_words(verdict.wait_s), code="throttled")
        return super().get_invalid_login_error()


class CodeForm(forms.Form):
    """A code of the authenticator, or a recovery code."""

    code = forms.CharField(
        max_length=40,
        label="Code",
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": ""}
        ),
    )


class PasswordForm(forms.Form):
    """The person's own password once more."""

    password = forms.CharField(
        max_length=1_000,
        label="Your password",
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
    )


Proof = TypeVar("Proof", CodeForm, PasswordForm)


def password_required(view: View) -> View:
    """A view for people who gave their password, whatever else they still owe."""

    @never_cache
    @sensitive_post_parameters()
    def guarded(request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect("admin:login")
        if request.method not in {"GET", "HEAD", "POST"}:
            return HttpResponseNotAllowed(["GET", "POST"])
        return view(request)

    return login_not_required(guarded)


@password_required
def second_factor(request: HttpRequest) -> HttpResponse:
    """Ask for the code that a password alone does not give."""
    if not access_second_factor.is_enrolled(sessions.person_of(request)):
        return redirect("admin:enrol_second_factor")
    if sessions.is_verified(request):
        return redirect(next_of(request))
    return _asked_factor(request, title="Second factor")


@password_required
def confirm_yourself(request: HttpRequest) -> HttpResponse:
    """Ask once more before an act that a passer-by at an open browser must not do."""
    user = sessions.person_of(request)
    if access_second_factor.is_enrolled(user):
        return _asked_factor(request, title=AGAIN)
    by_provider = single_sign_on.provider_of(user)
    if by_provider and not single_sign_on.has_password(user):
        about: dict[str, Any] = {"next": next_of(request), "by_provider": by_provider}
        return show(request, CONFIRM, title=AGAIN, **about)
    return _asked(request, PasswordForm, _give_password, title=AGAIN, by_provider=by_provider)


@password_required
def enrol_second_factor(request: HttpRequest) -> HttpResponse:
    """Show the secret as a QR code, take the first code, show the recovery codes once."""
    user = sessions.person_of(request)
    if access_second_factor.has_authenticator(user) or not sign_in.may_enrol(request):
        return redirect("admin:second_factor")
    if request.method != "POST":
        return _enrolment(request, CodeForm())
    form = CodeForm(request.POST)
    if form.is_valid():
        try:
            codes = sign_in.enrol(request=request, code=form.cleaned_data["code"])
            return enrolled(request, codes, said="Your authenticator app is set up.")
        except (access_second_factor.WrongCode, sign_in.Throttled) as wrong:
            form.add_error("code", str(wrong))
    return _enrolment(request, form, status=422)


def enrolled(request: HttpRequest, codes: list[str], *, said: str) -> HttpResponse:
    """Show the recovery codes once, or lead to the list of factors where there are none new."""
    if not codes:
        messages.success(request, said)
        return redirect("admin:own_second_factor")
    return show(request, "desk/sign_in/recovery_codes.html", title="Recovery codes", codes=codes)


def next_of(request: HttpRequest) -> str:
    """Where the person was going, if that is a page of this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if is_ours else reverse("admin:index")


def _asked_factor(request: HttpRequest, *, title: str) -> HttpResponse:
    """Ask for a passkey or a code, whichever the person has."""
    user = sessions.person_of(request)
    factors: dict[str, Any] = {
        "has_app": access_second_factor.has_authenticator(user),
        "has_passkey": passkeys.of(user).exists(),
    }
    if "passkey" not in request.POST:
        return _asked(request, CodeForm, _give_code, title=title, **factors)
    try:
        sign_in.give_passkey(request=request, answer=request.POST["passkey"])
    except (passkeys.Refused, NoSite, sign_in.Throttled) as refused:
        factors |= {"form": CodeForm(), "next": next_of(request), "refused": str(refused)}
        return show(request, CONFIRM, title=title, status=422, **factors)
    return redirect(next_of(request))


def _asked(
    request: HttpRequest,
    form_class: type[Proof],
    give: Callable[[HttpRequest, Proof], None],
    *,
    title: str,
    **context: Any,
) -> HttpResponse:
    form = form_class(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            give(request, form)
            if not form.errors:
                return redirect(next_of(request))
        except sign_in.Throttled as wait:
            form.add_error(None, str(wait))
    status = 422 if form.is_bound else 200
    context |= {"form": form, "next": next_of(request)}
    return show(request, CONFIRM, title=title, status=status, **context)


def _give_code(request: HttpRequest, form: CodeForm) -> None:
    if not sign_in.give_code(request=request, code=form.cleaned_data["code"]):
        form.add_error("code", WRONG)


def _give_password(request: HttpRequest, form: PasswordForm) -> None:
    if not sign_in.give_password(request=request, password=form.cleaned_data["password"]):
        form.add_error("password", WRONG_PASSWORD)


def _enrolment(request: HttpRequest, form: CodeForm, *, status: int = 200) -> TemplateResponse:
    if request.method != "POST":
        sign_in.demand_proof_to_enrol(request)  # the page shows the secret
    user, begun = sessions.person_of(request), request.session.get(sign_in.BEGUN, "")
    secret, request.session[sign_in.BEGUN] = access_second_factor.begin(user=user, begun=begun)
    is_second = access_second_factor.is_enrolled(user)
    drawn = segno.make(access_second_factor.uri(user=user, secret=secret), error="m")
    svg = drawn.svg_inline(scale=5, border=3, dark="#000", light="#fff", omitsize=True)
    return show(
        request,
        "desk/sign_in/enrol.html",
        title="Set up an authenticator app" if is_second else "Set up your second factor",
        is_second=is_second,
        form=form,
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        qr=mark_safe(svg),  # noqa: S308  drawn by us from our own text
        status=status,
    )


def show(
    request: HttpRequest, template: str, *, title: str, status: int = 200, **context: Any
) -> TemplateResponse:
    """Return a page in the frame of those before the desk."""
    request.current_app = admin.site.name
    frame: dict[str, Any] = {
        "title": title,
        "site_title": "Pacifica Desk",
        "styles": [assets.theme(request), assets.stylesheet(request)],
        "scripts": [
            *(assets.contact(request), assets.kept(request), assets.script(request)),
            *(assets.passkeys(request), assets.sign_on(request)),
        ],
    }
    return TemplateResponse(request, template, frame | context, status=status)
