"""The way to the sign-in service and back. Each step that changes something is a POST."""

from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from orders.access import second_factor, sessions, sign_in
from orders.access.single_sign_on import provider, walk
from orders.access.single_sign_on.claims import Refused
from orders.access.single_sign_on.walk import Purpose, Walked
from orders.accounts import single_sign_on
from orders.admin.sign_in import views

BROUGHT = ("code", "state", "error", "iss")  # what the provider gives the browser


@login_not_required
@never_cache
@require_POST
def go(request: HttpRequest) -> HttpResponse:
    """Send the browser to the provider: to sign in, to confirm that it is you, or to connect."""
    try:
        purpose = Purpose(request.POST.get("for", Purpose.ENTER))
    except ValueError:
        raise PermissionDenied from None
    is_inside = request.user.is_authenticated
    if is_inside == (purpose is Purpose.ENTER):
        return redirect("admin:index" if is_inside else "admin:login")
    if purpose is Purpose.PROVE and second_factor.is_enrolled(sessions.person_of(request)):
        return redirect("admin:confirm_yourself")
    if purpose is Purpose.LINK:
        single_sign_on.check_may_link(request)
    back_to = request.build_absolute_uri(reverse("admin:single_sign_on_back"))
    try:
        there = walk.begin(request, purpose, back_to=back_to, next_page=views.next_of(request))
    except Refused as refused:
        return _refused(request, refused)
    # No redirect: browsers hold where a form ends against form-action, which names this site alone.
    title = f"Sign in with {provider.name()}"
    page = views.show(request, "desk/sign_in/go.html", title=title, there=there)
    page.headers["Refresh"] = f"0; url={there}"
    return page


@login_not_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def back(request: HttpRequest) -> HttpResponse:
    """Take what the browser brings back. By GET it only sends itself on: nothing is changed."""
    if request.method != "POST":
        brought = {name: request.GET[name] for name in BROUGHT if name in request.GET}
        return views.show(request, "desk/sign_in/back.html", title="Signing in", brought=brought)
    try:
        walked = single_sign_on.come_back(request)
    except (Refused, sign_in.Throttled) as refused:
        return _refused(request, refused)
    if walked.purpose is Purpose.LINK:
        messages.success(request, f"Connected: {provider.name()} signs you in from now on.")
    if walked.purpose is Purpose.ENTER and walked.claims.lacks_groups:
        messages.warning(request, single_sign_on.without_groups())
    return redirect(_next(request, walked))


def _next(request: HttpRequest, walked: Walked) -> str:
    """Where the person goes now: to a first second factor, where that alone confirms who it is."""
    if walked.purpose is not Purpose.PROVE or walked.is_anew:
        return walked.next
    enrolment = [reverse("admin:enrol_second_factor"), reverse("admin:enrol_passkey")]
    if urlsplit(walked.next).path in enrolment:
        return walked.next
    messages.info(request, walk.not_anew())
    return enrolment[0]


def _refused(request: HttpRequest, refused: Exception) -> HttpResponse:
    """Say why, where the person stands: at the door, or inside."""
    messages.error(request, str(refused))
    if request.user.is_authenticated:
        return redirect("admin:own_settings")
    return redirect("admin:login")
