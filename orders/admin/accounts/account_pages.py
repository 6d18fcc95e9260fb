"""Accounts: how old their books are, who signs for them, what is open."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from orders.access import permissions, sessions
from orders.admin.accounts import api_config_key_form, jobs_of_account, prices_page
from orders.admin.jobs import tally
from orders.admin.shared import filters, freshness
from orders.admin.shared.recorded_screen import Named, RecordedScreen, link_to_records
from orders.admin.shared.screens import fragment, is_administrator, list_context, rights_of
from orders.admin.shared.unfold import CustomUrl, display
from orders.exchange import credits
from orders.keys import sealing
from orders.models import (
    Account,
    AgentWallet,
    Event,
    Right,
    SealedApiConfigKey,
)
from orders.templatetags.desk import ago, shortened, visible

if TYPE_CHECKING:
    AccountModelForm = forms.ModelForm[Account]
else:
    AccountModelForm = forms.ModelForm


class AccountForm(AccountModelForm):
    """Name, desk and address of an account; the address must be a public key."""

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        if not name.isprintable():
            raise forms.ValidationError("The account's name must be printable characters.")
        return name

    class Meta:
        labels = {"is_drill": "Drill account", "main_address": "Main account's address"}
        help_texts = {
            "is_drill": "Panic may be rehearsed on it. Its orders are as real as any.",
            "main_address": "Of a subaccount, which spends its main account's credits. Else empty.",
        }

    def clean_main_address(self) -> str:
        address = self.cleaned_data["main_address"].strip()
        if not address:
            return ""
        try:
            return sealing.check_public_key(address, what="main account's address")
        except sealing.BadAgentKey as wrong:
            raise forms.ValidationError(str(wrong)) from None

    def clean_address(self) -> str:
        try:
            return sealing.check_public_key(self.cleaned_data["address"], what="address")
        except sealing.BadAgentKey as wrong:
            raise forms.ValidationError(str(wrong)) from None


@admin.register(Account)
class AccountAdmin(RecordedScreen[Account]):
    """Accounts of the person's desks; administrators add them, rename and deactivate them."""

    form = AccountForm
    event = Event.ACCOUNT_CHANGED
    list_display = (
        "name_column",
        "desk_column",
        "address_column",
        "open_column",
        "book_column",
        "wallet_column",
    )
    list_filter = (filters.OwnDeskFilter,)
    list_select_related = ("desk",)
    empty_sentence = "No account here yet. An administrator adds the desk's accounts."

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (
            ("sync/", "orders_account_sync", self.sync_view),
            ("book/", "orders_account_book", self.book_view),
            ("<int:object_id>/page/", "orders_account_page", self.page_view),
            ("<int:object_id>/prices/", "orders_account_prices", self.prices_view),
            ("<int:object_id>/api-config-key/", "orders_account_api_key", self.api_key_view),
        )

    def about(self, obj: Account) -> Named:
        return {"account": obj}

    def get_fields(self, request: HttpRequest, obj: Account | None = None) -> tuple[str, ...]:
        fields = ("desk", "name", "address", "main_address", "is_drill", "is_active")
        return (*fields, "log_link") if obj else fields

    def get_readonly_fields(
        self, request: HttpRequest, obj: Account | None = None
    ) -> tuple[str, ...]:
        # An account keeps its desk and address: its orders, keys and records belong to both.
        return ("desk", "address", "log_link") if obj else ()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form for administrators; everybody else sees the page that shows it."""
        if is_administrator(request):
            return super().change_view(request, object_id, form_url, extra_context)
        return self.page_view(request, object_id)

    @display(description="Log")
    def log_link(self, account: Account) -> SafeString:
        return link_to_records(f"What was done on {visible(account.name)}", account=account.pk)

    @display(description="Account")
    def name_column(self, account: Account) -> SafeString:
        off = "" if account.is_active else format_html(' <span class="dk-badge">deactivated</span>')
        drill = format_html(' <span class="dk-badge">drill</span>') if account.is_drill else ""
        return format_html("{}{}{}", visible(account.name), off, drill)

    @display(description="Desk")
    def desk_column(self, account: Account) -> str:
        return visible(account.desk)

    @display(description="Address")
    def address_column(self, account: Account) -> SafeString:
        return key_with_copy(account.address)

    @display(description="Open orders")
    def open_column(self, account: Account) -> SafeString:
        return format_html('<span class="dk-number">{}</span>', account.open_in_words)

    @display(description="Read")
    def book_column(self, account: Account) -> str:
        if not account.trouble:
            return ago(account.synced_at)
        trouble = visible(account.trouble)
        return format_html(
            '{} <span class="dk-why dk-alarm">{}</span>', ago(account.synced_at), trouble
        )

    @display(description="Agent wallet")
    def wallet_column(self, account: Account) -> SafeString:
        if account.active_wallet is None:
            return format_html('<span class="dk-status dk-alarm">none: nothing can be sent</span>')
        return key_with_copy(account.active_wallet.public_key)

    def complete_rows(self, request: HttpRequest, rows: list[Account]) -> None:
        complete(rows)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        context = list_context(response)
        if context is not None:
            accounts = Account.objects.visible_to(request.user).filter(is_active=True)
            context["book"] = freshness.book_of(accounts)
        return response

    @method_decorator(require_safe)
    def page_view(self, request: HttpRequest, object_id: int | str) -> TemplateResponse:
        account = self.visible_or_404(request, str(object_id))
        complete([account])
        jobs = jobs_of_account.newest_about(account, 10)
        return self.page(
            request,
            "desk/accounts/account.html",
            title=visible(account.name),
            account=account,
            balance=credits.balance(account=account, now=timezone.now()),
            api_key=SealedApiConfigKey.objects.filter(account=account).first(),
            may_manage=is_administrator(request),
            may_panic=permissions.has_permission(request.user, Right.PANIC, desk=account.desk),
            may_scope=permissions.has_permission(
                request.user, Right.CANCEL_SCOPE, desk=account.desk
            ),
            book=freshness.book_of(Account.objects.filter(pk=account.pk)),
            wallets=account.agent_wallets.select_related("created_by"),
            jobs=tally.complete(jobs),
            no_jobs="" if jobs else jobs_of_account.none_found(account),
            may_manage_agents=is_administrator(request) or Right.AGENTS in rights_of(request),
        )

    @method_decorator(require_safe)
    def prices_view(self, request: HttpRequest, object_id: int) -> TemplateResponse:
        """The account's open orders of one symbol, by price."""
        return prices_page.view(self, request, self.visible_or_404(request, str(object_id)))

    def api_key_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Set, replace or remove an API config key; administrators only."""
        if not is_administrator(request):
            raise PermissionDenied
        sessions.demand_fresh(request)
        account = self.visible_or_404(request, str(object_id))
        return api_config_key_form.view(self, request, account)

    @method_decorator(require_POST)
    def sync_view(self, request: HttpRequest) -> HttpResponse:
        """Have the accounts named read by a sender, and show the age until it is new."""
        self.guard_view(request)
        accounts = freshness.named_in(request.POST, request.user)
        if not freshness.ask(accounts):
            raise Http404
        return _book_fragment(freshness.book_of(accounts, asked_at=timezone.now()))

    @method_decorator(require_safe)
    def book_view(self, request: HttpRequest) -> HttpResponse:
        """The age of the books named, while a sync is awaited."""
        self.guard_view(request)
        asked_at: datetime | None
        try:
            asked_at = forms.DateTimeField(required=False).clean(request.GET.get("asked_at", ""))
        except forms.ValidationError:
            asked_at = None
        accounts = freshness.named_in(request.GET, request.user)
        return _book_fragment(freshness.book_of(accounts, asked_at=asked_at))


def _book_fragment(book: freshness.Book) -> HttpResponse:
    return fragment(render_to_string("desk/shared/_freshness.html", {"book": book}))


def complete(accounts: list[Account]) -> None:
    """Attach open orders and the active agent wallet to each account: two queries."""
    ids = [account.pk for account in accounts]
    counts = freshness.open_orders(accounts)
    wallets = AgentWallet.objects.filter(account__in=ids, is_active=True).order_by("created_at")
    active = {wallet.account_id: wallet for wallet in wallets}
    for account in accounts:
        account.open_orders = counts.get(account.pk, 0)
        account.open_in_words = freshness.in_words(account.open_orders, [account])
        account.active_wallet = active.get(account.pk)


def key_with_copy(key: str) -> SafeString:
    """A public key by its ends, whole in the title, with a button that copies it."""
    return format_html(
        '<span class="dk-key" title="{0}">{1}</span><button type="button" class="dk-copy" '
        'data-copy="{0}" aria-label="Copy {0}" title="Copy">'
        '<span class="material-symbols-outlined">content_copy</span></button>',
        key,
        shortened(key),
    )
