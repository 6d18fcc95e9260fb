"""Agent wallets: who may sign for an account, taken in once and never shown again."""

from typing import TYPE_CHECKING, Any, Protocol

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from orders.access import denials, sessions
from orders.access.four_eyes import Waits
from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.accounts import account_keys, wallet_check
from orders.admin.accounts.account_pages import key_with_copy
from orders.admin.accounts.agent_wallet_form import AgentWalletForm, add_from_form
from orders.admin.shared import fields, filters, order_history
from orders.admin.shared.screens import ReadOnlyPage, fragment, is_administrator, rights_of
from orders.admin.shared.unfold import (
    CustomUrl,
    display,
)
from orders.admin.shared.waiting import lead_to
from orders.audit import sentences, signed_by_wallet
from orders.keys import sealing
from orders.models import AgentWallet, AuditRecord, Right
from orders.models.lookups import is_row_id
from orders.templatetags.desk import ago, visible

if TYPE_CHECKING:
    from orders.audit.log import Actor
    from orders.models.desks import Person


class Act(Protocol):
    """What a person may do with an agent wallet. Nobody needs what it returns."""

    def __call__(self, *, wallet: AgentWallet, user: "Person", actor: "Actor") -> object: ...


FOREIGN = "add an agent wallet to an account of another desk"


def is_about(record: AuditRecord, wallet: AgentWallet) -> bool:
    """Whether a record of an account speaks of this one of its agent wallets."""
    return sentences.data_of(record).get("public_key") == wallet.public_key


def state_of(wallet: AgentWallet) -> tuple[str, str]:
    """What to call an agent wallet's state, and in which tone."""
    if not wallet.is_active:
        return "disabled", "warn"
    if sealing.is_too_old(wallet):
        return "too old: signs only in a panic", "alarm"
    return ("active, replace it soon", "warn") if sealing.is_ageing(wallet) else ("active", "good")


def may_manage(user: "Person", wallet: AgentWallet) -> bool:
    """Whether this person may test, disable and enable this agent wallet."""
    return AgentWallet.objects.managed_by(user).filter(pk=wallet.pk).exists()


@admin.register(AgentWallet)
class AgentWalletAdmin(ReadOnlyPage[AgentWallet]):
    """Agent wallets of the person's desks."""

    list_display = (
        "account_column",
        "public_key_column",
        "state_column",
        "created_column",
        "used_column",
    )
    list_filter = (filters.DeskFilter, filters.AccountFilter)
    list_select_related = ("account__desk", "created_by")
    page_template = "desk/accounts/agent_wallet.html"
    empty_sentence = (
        "No agent wallet yet. Make one on Pacifica's API key page, then add it here: "
        "without one nothing can be sent for an account."
    )

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (
            ("<int:object_id>/disable/", "orders_agentwallet_disable", self.disable_view),
            ("<int:object_id>/enable/", "orders_agentwallet_enable", self.enable_view),
            ("<int:object_id>/test/", "orders_agentwallet_test", self.test_view),
            ("<int:object_id>/finding/", "orders_agentwallet_finding", self.finding_view),
            ("<int:object_id>/signed/", "orders_agentwallet_signed", self.signed_view),
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request) or Right.AGENTS in rights_of(request)

    @display(description="Account")
    def account_column(self, wallet: AgentWallet) -> SafeString:
        desk = visible(wallet.account.desk)
        return format_html('<span class="dk-muted">{}</span> {}', desk, visible(wallet.account))

    @display(description="Public key")
    def public_key_column(self, wallet: AgentWallet) -> SafeString:
        return key_with_copy(wallet.public_key)

    @display(description="State")
    def state_column(self, wallet: AgentWallet) -> SafeString:
        word, tone = state_of(wallet)
        return format_html('<span class="dk-status dk-{}">{}</span>', tone, word)

    @display(description="Added")
    def created_column(self, wallet: AgentWallet) -> SafeString:
        return format_html("{} by {}", ago(wallet.created_at), visible(wallet.created_by))

    @display(description="Last signed")
    def used_column(self, wallet: AgentWallet) -> str:
        return ago(wallet.last_used_at)

    def facts(self, request: HttpRequest, wallet: AgentWallet) -> dict[str, Any]:
        records = AuditRecord.objects.visible_to(request.user).filter(
            account=wallet.account, event__startswith="agent_wallet"
        )[:200]
        return {
            "title": f"Agent wallet of {visible(wallet.account)}",
            "wallet": wallet,
            "state": state_of(wallet),
            "may_manage": may_manage(request.user, wallet),
            "life": order_history.moments(
                [(record, None) for record in records if is_about(record, wallet)]
            ),
        }

    @method_decorator(sensitive_post_parameters())
    @method_decorator(sensitive_variables())
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        sessions.demand_fresh(request)
        if request.method != "POST":
            return self.form_page(request, AgentWalletForm(user=request.user))
        form = AgentWalletForm(request.POST, user=request.user)
        if fields.foreign(form, "account"):
            denials.record(actor=actor_of(request), what=FOREIGN)
        try:
            wallet = add_from_form(form, request) if form.is_valid() else None
        except Waits as waits:
            return lead_to(request, waits)
        if wallet is None:
            return self.form_page(request, form, status=422)
        messages.success(
            request, f"Agent wallet {wallet.public_key} is sealed and signs for {wallet.account}."
        )
        return redirect("admin:orders_agentwallet_change", wallet.pk)

    def form_page(
        self, request: HttpRequest, form: AgentWalletForm, *, status: int = 200
    ) -> TemplateResponse:
        return self.page(
            request,
            "desk/accounts/add_agent_wallet.html",
            title="Add an agent wallet",
            form=form,
            status=status,
        )

    @method_decorator(require_POST)
    def disable_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        return self.switch(request, object_id, account_keys.disable_agent_wallet, "disabled")

    @method_decorator(require_POST)
    def enable_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        sessions.demand_fresh(request)
        try:
            return self.switch(request, object_id, account_keys.enable_agent_wallet, "enabled")
        except Waits as waits:
            return lead_to(request, waits)

    @method_decorator(require_POST)
    def test_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Have a sender make one harmless signed read with this wallet."""
        wallet = self.done(request, object_id, wallet_check.ask_for_test)
        wallet.refresh_from_db()
        return fragment(render_to_string("desk/accounts/_wallet_test.html", {"wallet": wallet}))

    @method_decorator(require_safe)
    def finding_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """What the last test found, while it is awaited."""
        wallet = self.visible_or_404(request, str(object_id))
        return fragment(render_to_string("desk/accounts/_wallet_test.html", {"wallet": wallet}))

    @method_decorator(require_safe)
    def signed_view(self, request: HttpRequest, object_id: int) -> TemplateResponse:
        """The requests that this very key signed, page by page."""
        wallet = self.visible_or_404(request, str(object_id))
        before = request.GET.get("before", "")
        if before and not is_row_id(before):
            raise Http404
        found = signed_by_wallet.find(
            wallet=wallet, user=request.user, before=int(before) if before else None
        )
        return self.page(
            request,
            "desk/accounts/signed_requests.html",
            title=f"Signed for {visible(wallet.account)}",
            wallet=wallet,
            is_first=not before,
            older=found.before,
            life=order_history.of_records(found.requests),
        )

    def switch(
        self, request: HttpRequest, object_id: int, act: Act, done: str
    ) -> HttpResponseRedirect:
        """Disable or enable a wallet, and say so on its page."""
        wallet = self.done(request, object_id, act)
        messages.success(request, f"Agent wallet {wallet.public_key} is {done}.")
        return redirect("admin:orders_agentwallet_change", wallet.pk)

    def done(self, request: HttpRequest, object_id: int, act: Act) -> AgentWallet:
        """The wallet, after this was done with it; who may is decided below."""
        wallet = self.visible_or_404(request, str(object_id))
        try:
            act(wallet=wallet, user=request.user, actor=actor_of(request))
        except NotAllowed as refused:
            raise PermissionDenied(str(refused)) from None
        return wallet
