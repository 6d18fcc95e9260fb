"""The form that takes an agent wallet in: its secret is sealed at once and never shown again."""

from typing import TYPE_CHECKING

from django import forms
from django.http import HttpRequest, QueryDict
from django.views.decorators.debug import sensitive_variables

from orders.access.sign_in_log import actor_of
from orders.accounts import account_keys
from orders.admin.shared import fields
from orders.admin.shared.unfold import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)
from orders.cancels import requests
from orders.keys import sealing
from orders.models import Account, AgentWallet

if TYPE_CHECKING:
    from orders.models.desks import Person


class Forgetful(UnfoldAdminTextInputWidget):
    """Never shows again what was typed: somebody will paste the secret into the wrong box."""

    def format_value(self, value: str | None) -> None:
        return None


class AgentWalletForm(forms.Form):
    """An account, its agent wallet's public key, and the secret, which no page shows again."""

    account = fields.OneAccount(
        widget=UnfoldAdminSelectWidget(),
        error_messages={"invalid_choice": requests.NO_ACCOUNT},
    )
    public_key = forms.CharField(
        max_length=500,
        label="Public key of the agent wallet",
        widget=Forgetful(attrs=fields.QUIET),
        help_text="As Pacifica's API key page shows it.",
    )
    secret = forms.CharField(
        max_length=4_000,
        label="Secret of the agent wallet",
        widget=UnfoldAdminPasswordWidget(
            attrs={"autocomplete": "off", "spellcheck": "false"}, render_value=False
        ),
        help_text="Base58, or the JSON array of solana-keygen. It is sealed at once, and no page "
        "shows it again. Never paste the main wallet's key: it is refused.",
    )

    def __init__(self, data: QueryDict | None = None, *, user: "Person") -> None:
        super().__init__(data)
        accounts = Account.objects.managed_by(user)
        fields.field_of(self, "account", fields.OneAccount).offer(accounts)

    def clean_public_key(self) -> str:
        try:
            return sealing.check_public_key(
                self.cleaned_data["public_key"], what="agent wallet's public key"
            )
        except sealing.BadAgentKey as wrong:
            raise forms.ValidationError(str(wrong)) from None


@sensitive_variables()
def add_from_form(form: AgentWalletForm, request: HttpRequest) -> AgentWallet | None:
    """The wallet, sealed; None with the form's errors filled in where it was refused."""
    given = form.cleaned_data
    try:
        wallet, _ = account_keys.add_agent_wallet(
            account=given["account"],
            public_key=given["public_key"],
            secret=given["secret"],
            user=request.user,
            actor=actor_of(request),
        )
    except sealing.BadAgentKey as wrong:
        form.add_error("secret", str(wrong))
        return None
    except sealing.KeySettingsWrong as wrong:
        form.add_error(None, str(wrong))
        return None
    return wallet
