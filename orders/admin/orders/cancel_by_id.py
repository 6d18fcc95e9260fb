"""Cancel by id: one order, known to the app or not, named by the operator."""

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse

from orders.access.denials import refuse
from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.shared import fields
from orders.admin.shared.job_links import told
from orders.admin.shared.screens import key_of_act, request_key_of
from orders.admin.shared.unfold import UnfoldAdminSelectWidget
from orders.cancels import order_place, requests
from orders.cancels.intake import CancelReceipt
from orders.lifecycle.targets import CannotAsk, check_ids, check_same_symbol, check_symbol
from orders.models import Account, CancelKind, Desk, Order, Right

if TYPE_CHECKING:
    from orders.admin.orders.order_pages import OrderAdmin
    from orders.models.desks import Person

Found = TypeVar("Found")

ID_FIELDS = {"order_id", "client_order_id"}
NOT_A_NUMBER = "An order id is digits only, such as 28000000042."


class CancelByIdForm(forms.Form):
    """What names an order. Parsing happens here; what makes sense is decided in `requests`."""

    order_id = forms.CharField(
        required=False,
        max_length=64,
        label="Order id",
        widget=fields.themed_text(inputmode="numeric", placeholder="28000000042"),
    )
    client_order_id = forms.CharField(
        required=False,
        max_length=64,
        label="or client order id",
        widget=fields.themed_text(placeholder="f47ac10b-58cc-4372-a567-0e02b2c3d479"),
        help_text="One of the two ids is enough, and only one may be given.",
    )
    account = fields.OneAccount(
        required=False,
        widget=UnfoldAdminSelectWidget(),
        error_messages={"invalid_choice": requests.NO_ACCOUNT},
        help_text="Found by the id on all your desks, where this app knows the order.",
    )
    symbol = forms.CharField(
        required=False,
        max_length=64,
        widget=fields.themed_text(placeholder="BTC"),
        help_text="Found too. As on Pacifica, case kept: BTC, kBONK, SOL-USDC.",
    )
    kind = forms.ChoiceField(
        choices=CancelKind,
        initial=CancelKind.ORDER,
        widget=UnfoldAdminSelectWidget(),
        help_text="Sent as you choose; one that is not found so is sent as the other kind.",
        error_messages={"invalid_choice": "Choose order, stop or TWAP."},
    )
    reason = forms.CharField(
        required=False,
        max_length=300,
        widget=fields.themed_text(placeholder="Kept with the job and in the log"),
    )

    def __init__(self, data: QueryDict | None = None, *, user: "Person") -> None:
        super().__init__(data)
        self.user = user
        self.accounts.offer(Account.objects.allowing(user, Right.CANCEL))

    @property
    def accounts(self) -> fields.OneAccount:
        """The input of the account."""
        return fields.field_of(self, "account", fields.OneAccount)

    def clean_order_id(self) -> int | None:
        text = self.cleaned_data["order_id"].strip()
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 20):
            raise forms.ValidationError(NOT_A_NUMBER)
        return int(text)

    def clean_client_order_id(self) -> str | None:
        return self.cleaned_data["client_order_id"].strip().lower() or None

    def clean(self) -> None:
        """Find what was left out by the id, and mark all that is wrong, each at its input."""
        if self.names_a_foreign_account:
            return
        if not self.errors.keys() & ID_FIELDS:
            self._check(check_ids, *self._ids)
        if symbol := self.cleaned_data.get("symbol"):
            self._check(check_symbol, symbol)
        if not self.errors.keys() & {*ID_FIELDS, "kind"}:
            self._complete()

    def _complete(self) -> None:
        """Fill in account and symbol of an order that we know; else ask for them."""
        known = self._check(self._place)
        given = self.cleaned_data
        if known is not None:
            given["account"] = known.account
            given["symbol"] = given.get("symbol") or known.symbol
            self._check(check_same_symbol, known, given["symbol"])
        elif not self.has_error("account"):
            for name, sentence in order_place.UNKNOWN.items():
                if not given.get(name) and not self.has_error(name):
                    self.add_error(name, sentence)

    @property
    def _ids(self) -> tuple[int | None, str | None]:
        return self.cleaned_data.get("order_id"), self.cleaned_data.get("client_order_id")

    def _place(self) -> Order | None:
        order_id, client_order_id = self._ids
        return order_place.place_of(
            user=self.user,
            account=self.cleaned_data["account"],
            kind=self.cleaned_data["kind"],
            order_id=order_id,
            client_order_id=client_order_id,
        )

    def _check(self, rule: Callable[..., Found], *given: object) -> Found | None:
        """What a rule makes of it; None where it refuses, which is said at the input it names."""
        try:
            return rule(*given)
        except CannotAsk as wrong:
            self.add_error(wrong.field, str(wrong))
            return None

    @property
    def names_a_foreign_account(self) -> bool:
        """Whether the account given is not one of the person's own: an act to be refused."""
        return self.has_error("account", "invalid_choice")


def view(screen: "OrderAdmin", request: HttpRequest) -> HttpResponse:
    """Show the form; on POST ask for the cancel and go to its job."""
    if request.method != "POST":
        return _page(screen, request, CancelByIdForm(user=request.user))
    form = CancelByIdForm(request.POST, user=request.user)
    asked = _ask(request, form)
    if asked is None:
        return _page(screen, request, form, status=422)
    return told(request, asked)


def _ask(request: HttpRequest, form: CancelByIdForm) -> CancelReceipt | None:
    """What `requests` made of a sound form, or None with the form's errors filled in."""
    actor = actor_of(request)
    sound = form.is_valid()
    try:
        if form.names_a_foreign_account:
            refuse(actor=actor, what="cancel by id", said=requests.NO_ACCOUNT)
        if not sound:
            return None
        named = dict(form.cleaned_data)
        account = named.pop("account")
        order = [named[name] for name in ("symbol", "kind", "order_id", "client_order_id")]
        return requests.cancel_by_id(
            user=request.user,
            actor=actor,
            account_id=account.pk,
            request_key=key_of_act(request, account.pk, *order),
            **named,
        )
    except requests.CannotAsk as wrong:
        form.add_error(wrong.field, str(wrong))
    except NotAllowed as refused:
        if not form.has_error("account"):
            form.add_error("account", str(refused))
    return None


def _page(
    screen: "OrderAdmin", request: HttpRequest, form: CancelByIdForm, *, status: int = 200
) -> TemplateResponse:
    return screen.page(
        request,
        "desk/orders/cancel_by_id.html",
        title="Cancel by id",
        status=status,
        form=form,
        accounts=form.accounts.is_offered,
        desks=list(Desk.objects.allowing(request.user, Right.CANCEL)),
        request_key=request_key_of(request) or uuid.uuid4(),
    )
