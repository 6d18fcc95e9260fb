"""API tokens: a desk head makes one for a program; its secret is shown once and never again."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from orders.access import api_tokens, denials, sessions
from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.shared import fields, filters
from orders.admin.shared.screens import ReadOnlyPage, is_administrator, rights_of
from orders.admin.shared.unfold import CustomUrl, display
from orders.models import ApiToken, Desk, Right, TokenRight
from orders.models.api_tokens import MAX_NAME, MAX_NETWORKS
from orders.templatetags.desk import ago, visible

if TYPE_CHECKING:
    from orders.models.desks import Person

LASTS = [(7, "a week"), (30, "a month"), (90, "three months"), (365, "a year")]
FOREIGN = "make an API token of another desk"


class Shown:
    """A secret for one page: Django's templates log their whole context where DEBUG is logged."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __str__(self) -> str:
        return self._secret

    def __repr__(self) -> str:
        return "(shown once)"


class ApiTokenForm(forms.Form):
    """What a program may do, for how long and from where. What fits is decided in `api_tokens`."""

    desk = fields.DeskField(
        queryset=None,
        empty_label=None,
        widget=fields.select(),
        error_messages={"required": "Choose the desk.", "invalid_choice": api_tokens.NO_DESK},
    )
    name = forms.CharField(
        max_length=MAX_NAME,
        widget=fields.text(placeholder="quoter-1"),
        error_messages={"required": "Give the program a name."},
        help_text="Of the program. Records name it, so that no later token has it again.",
    )
    rights = forms.MultipleChoiceField(
        choices=TokenRight,
        widget=fields.boxes(),
        label="The program may",
        error_messages={"required": api_tokens.NO_RIGHT},
    )
    days = forms.TypedChoiceField(
        choices=LASTS, coerce=int, initial=90, widget=fields.select(), label="For"
    )
    networks = forms.CharField(
        required=False,
        max_length=MAX_NETWORKS,
        widget=fields.text(placeholder="10.1.2.0/24"),
        label="From these addresses alone",
        help_text="Addresses or networks, with blanks between. Empty: from anywhere.",
    )

    def __init__(self, data: QueryDict | None = None, *, user: "Person") -> None:
        super().__init__(data)
        fields.offer_desks(self, Desk.objects.allowing(user, Right.TOKENS))


def may_end(user: "Person", token: ApiToken) -> bool:
    """Whether this person may end this token."""
    return api_tokens.managed(user).living().filter(pk=token.pk).exists()


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyPage[ApiToken]):
    """The tokens of the desks whose head the person is; administrators see and end all."""

    list_display = ("name_column", "state_column", "rights_column", "maker_column", "used_column")
    list_filter = (filters.DeskFilter,)
    list_select_related = ("desk", "made_by", "ended_by")
    page_template = "desk/accounts/api_token.html"
    empty_sentence = "No token yet. With one a program of the desk asks for cancels by itself."

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (("<int:object_id>/end/", "orders_apitoken_end", self.end_view),)

    def has_view_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return is_administrator(request) or Right.TOKENS in rights_of(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return Right.TOKENS in rights_of(request)

    def get_queryset(self, request: HttpRequest) -> Any:
        return (
            super()
            .get_queryset(request)
            .filter(pk__in=api_tokens.managed(request.user).values("pk"))
        )

    def facts(self, request: HttpRequest, row: ApiToken) -> dict[str, Any]:
        return {
            "title": f"API token {visible(row.name)}",
            "token": row,
            "state": state_of(row),
            "rights": rights_in_words(row),
            "may_end": may_end(request.user, row),
        }

    @method_decorator(sensitive_variables())
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The form; on POST the new token with its secret, which no page shows again."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        sessions.demand_fresh(request)
        if request.method != "POST":
            return self.form_page(request, ApiTokenForm(user=request.user))
        form = ApiTokenForm(request.POST, user=request.user)
        if fields.foreign(form, "desk"):
            denials.record(actor=actor_of(request), what=FOREIGN)
        made = make_from_form(form, request) if form.is_valid() else None
        if made is None:
            return self.form_page(request, form, status=422)
        return self.made_page(request, *made)

    @method_decorator(sensitive_variables())
    def made_page(self, request: HttpRequest, token: ApiToken, secret: str) -> TemplateResponse:
        """The secret, this once."""
        template, title = "desk/accounts/api_token_made.html", f"API token {token.name} is made"
        return self.page(request, template, title=title, token=token, secret=Shown(secret))

    def form_page(
        self, request: HttpRequest, form: ApiTokenForm, *, status: int = 200
    ) -> TemplateResponse:
        """The form, with what is wrong about it."""
        template, title = "desk/accounts/add_api_token.html", "Make an API token"
        return self.page(request, template, title=title, form=form, status=status)

    @method_decorator(require_POST)
    def end_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """End a token at once, with a reason; no fresh proof is asked for that."""
        token = self.visible_or_404(request, str(object_id))
        user, actor, reason = request.user, actor_of(request), fields.reason_of(request)
        try:
            said = api_tokens.end(user=user, actor=actor, token_id=token.pk, reason=reason)
            messages.success(request, said)
        except api_tokens.CannotMake as wrong:
            messages.warning(request, str(wrong))
        except NotAllowed as refused:
            raise PermissionDenied(str(refused)) from None
        return redirect("admin:orders_apitoken_change", token.pk)

    @display(description="Token")
    def name_column(self, token: ApiToken) -> SafeString:
        desk = visible(token.desk)
        return format_html('<span class="dk-muted">{}</span> {}', desk, visible(token.name))

    @display(description="State")
    def state_column(self, token: ApiToken) -> SafeString:
        word, tone = state_of(token)
        return format_html('<span class="dk-status dk-{}">{}</span>', tone, word)

    @display(description="May")
    def rights_column(self, token: ApiToken) -> str:
        return visible(token.rights.replace(" ", ", "))

    @display(description="Made by")
    def maker_column(self, token: ApiToken) -> str:
        return visible(token.made_by)

    @display(description="Last used")
    def used_column(self, token: ApiToken) -> str:
        return ago(token.last_used_at)


def state_of(token: ApiToken) -> tuple[str, str]:
    """What to call a token's state, and in which tone."""
    now = timezone.now()
    if token.ended_at is not None:
        return "ended", "warn"
    if token.is_over(now):
        return "expired", "warn"
    is_soon = token.expires_at < now + timedelta(days=7)
    return ("ends within a week", "warn") if is_soon else ("active", "good")


def rights_in_words(token: ApiToken) -> list[str]:
    """What the program may do, a line for each right."""
    labels = dict(TokenRight.choices)  # a right that is no longer known is shown as it stands
    return [str(labels.get(value, visible(value))) for value in token.rights.split()]


@sensitive_variables()
def make_from_form(form: ApiTokenForm, request: HttpRequest) -> tuple[ApiToken, str] | None:
    """The token and its secret; None with the form's errors filled in where it was refused."""
    given = form.cleaned_data
    try:
        return api_tokens.make(
            user=sessions.person_of(request),
            actor=actor_of(request),
            desk_id=given["desk"].pk,
            name=given["name"],
            rights=given["rights"],
            networks=given["networks"],
            expires_at=timezone.now() + timedelta(days=given["days"]),
        )
    except api_tokens.CannotMake as wrong:
        form.add_error("days" if wrong.field == "expires_at" else wrong.field, str(wrong))
        return None
