"""The form that takes an account's API config key in: written, never shown again."""

from typing import TYPE_CHECKING, TypedDict

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_variables

from orders.access.four_eyes import Waits
from orders.access.sign_in_log import actor_of
from orders.accounts import account_keys
from orders.admin.shared.waiting import lead_to
from orders.keys import sealing
from orders.models import Account, SealedApiConfigKey
from orders.templatetags.desk import visible

if TYPE_CHECKING:
    from orders.admin.accounts.account_pages import AccountAdmin
    from orders.audit.log import Actor
    from orders.models.desks import Person


PAGE = "admin:orders_account_page"


class ApiConfigKeyForm(forms.Form):
    """The key alone. What was typed is never given back, not even after an error."""

    api_config_key = forms.CharField(
        max_length=200,
        label="API config key",
        widget=forms.PasswordInput(
            {"class": "dk-input", "autocomplete": "off", "spellcheck": "false"},
            render_value=False,
        ),
        help_text="It raises the credit quota and signs nothing. Made on Pacifica for the account.",
        error_messages={"required": "Paste the API config key."},
    )


class Asker(TypedDict):
    """Who asks, as the acts on a key take it."""

    user: "Person"
    actor: "Actor"


def by(request: HttpRequest) -> Asker:
    """Who asks, as the acts below want to know it."""
    return {"user": request.user, "actor": actor_of(request)}


@sensitive_variables()
def view(screen: "AccountAdmin", request: HttpRequest, account: Account) -> HttpResponse:
    """Show the form; on POST seal the key, or forget it."""
    if request.method == "POST" and request.POST.get("act") == "remove":
        was_there = account_keys.remove_api_config_key(account=account, **by(request))
        done = "is removed" if was_there else "had none"
        messages.success(request, f"API config key: {visible(account.name)} {done}.")
        return redirect(PAGE, account.pk)
    form = ApiConfigKeyForm(request.POST or None)
    try:
        if request.method == "POST" and form.is_valid() and _is_set(request, account, form):
            messages.success(request, f"{visible(account.name)} has a new API config key.")
            return redirect(PAGE, account.pk)
    except Waits as waits:
        return lead_to(request, waits)
    return screen.page(
        request,
        "desk/accounts/api_config_key.html",
        title=f"API config key of {visible(account.name)}",
        account=account,
        form=form,
        kept=SealedApiConfigKey.objects.filter(account=account).first(),
        status=422 if request.method == "POST" else 200,
    )


@sensitive_variables()
def _is_set(request: HttpRequest, account: Account, form: ApiConfigKeyForm) -> bool:
    """Whether the key could be sealed; otherwise the form says why not."""
    given = form.cleaned_data["api_config_key"]
    try:
        account_keys.set_api_config_key(account=account, api_config_key=given, **by(request))
    except (sealing.BadAgentKey, sealing.KeySettingsWrong) as wrong:
        form.add_error("api_config_key", str(wrong))
        return False
    return True
