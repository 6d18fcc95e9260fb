"""People and what they are on which desk, for administrators."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Case, QuerySet, When
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from orders.access import names, people_by_sign_in, second_factor, sessions
from orders.access.sign_in_log import actor_of
from orders.accounts import provisioning
from orders.admin.accounts import second_person
from orders.admin.accounts.people_filters import LastSignInFilter, SecondFactorFilter
from orders.admin.shared.recorded_screen import RecordedScreen, link_to_records
from orders.admin.shared.screens import ScopedInline, is_administrator
from orders.admin.shared.unfold import (
    AdminPasswordChangeForm,
    UserChangeForm,
    UserCreationForm,
    display,
)
from orders.audit import log
from orders.models import Event, Membership
from orders.templatetags.desk import ago, at, visible, zone

if TYPE_CHECKING:
    DjangoUserAdmin = UserAdmin[User]
    MembershipModelForm = forms.ModelForm[Membership]

    class Listed(User):
        """A person as the list reads them."""

        has_factor: bool
        lacks_factor: bool
else:
    DjangoUserAdmin = UserAdmin
    MembershipModelForm = forms.ModelForm

admin.site.unregister([User, Group])
# What the pages call them; Django's own tables keep their names.
User._meta.verbose_name, User._meta.verbose_name_plural = "person", "people"
apps.get_app_config("auth").verbose_name = "Administration"


WORDS = {  # label and help of each input
    "username": ("Name", "Letters, digits and @ . + - _ only. The log shows it with every act."),
    "is_active": (
        "Active",
        "Whoever is not cannot sign in, and has nothing more sent.",
    ),
    "is_superuser": (
        "Administrator",
        "Runs the app: desks, people, accounts, agent wallets. Cancels nothing by that.",
    ),
}


class NewPersonForm(UserCreationForm):
    """Somebody new has a name that reads like nobody else's."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        _check_name(self, cleaned)
        return cleaned


class PersonForm(UserChangeForm):
    """An administrator cannot lock themselves out by mistake."""

    acting_user_id: int | None = None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        _check_name(self, cleaned)
        is_self = self.instance.pk == self.acting_user_id
        if is_self and not (cleaned.get("is_active") and cleaned.get("is_superuser")):
            raise ValidationError("You cannot deactivate yourself or stop being an administrator.")
        return cleaned


def _check_name(form: "forms.ModelForm[User]", cleaned: dict[str, Any]) -> None:
    try:
        names.check(cleaned.get("username") or "", person_id=form.instance.pk)
    except names.ReadsAlike as alike:
        form.add_error("username", alike)


class PasswordForm(AdminPasswordChangeForm):
    """A new password for somebody; whatever else of them is changed at this moment stays so."""

    def save(self, commit: bool = True) -> User:
        person: User = super().save(commit=False)
        if commit:
            person.save(update_fields=["password"])
        return person


class MembershipForm(MembershipModelForm):
    """A role on a desk, which stays on it: to move it is to take it there and give one here."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["desk"].disabled = self.instance.pk is not None


class MembershipInline(ScopedInline[Membership, User]):
    """The desks a person belongs to, one role on each."""

    model = Membership
    form = MembershipForm
    fields = ("desk", "role")


@admin.register(User)
class PersonAdmin(RecordedScreen[User], DjangoUserAdmin):
    """People are added and deactivated, never deleted: the log names them."""

    form = PersonForm
    add_form = NewPersonForm
    change_password_form = PasswordForm
    event = Event.USER_CHANGED
    inlines = (MembershipInline,)
    list_display = (
        *("name_column", "state_column", "desks_column"),
        *("factor_column", "seen_column"),
    )
    list_filter = (SecondFactorFilter, LastSignInFilter)
    search_fields = ("username",)
    search_help_text = "Name"
    ordering = ("username",)
    filter_horizontal = ()
    list_display_links = ("name_column",)
    readonly_fields = ("password_link", "second_factor_link", "seen_at", "added_at", "log_link")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    *("username", "password_link", "second_factor_link"),
                    *("is_active", "is_superuser"),
                )
            },
        ),
        ("Seen", {"fields": ("seen_at", "added_at", "log_link")}),
    )
    add_form_template = "desk/accounts/add_person.html"
    add_fieldsets = ((None, {"fields": ("username", "password1", "password2")}),)
    empty_sentence = "Nobody fits."
    none_fits_sentence = empty_sentence

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return is_administrator(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        people: QuerySet[User] = super().get_queryset(request)
        return people.prefetch_related("memberships__desk").annotate(
            has_factor=people_by_sign_in.has_factor(),
            lacks_factor=Case(When(people_by_sign_in.lacks_factor(), then=True), default=False),
        )

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any
    ) -> "type[forms.ModelForm[User]]":
        form = super().get_form(request, obj, change=change, **kwargs)
        if issubclass(form, PersonForm):
            form.acting_user_id = request.user.pk
        for name, (label, help_text) in WORDS.items():
            if field := form.base_fields.get(name):
                field.label, field.help_text = label, help_text
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if is_administrator(request):
            sessions.demand_fresh(request)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_inlines(
        self, request: HttpRequest, obj: User | None
    ) -> tuple[type[MembershipInline], ...]:
        return self.inlines if obj else ()

    def save_model(
        self, request: HttpRequest, obj: User, form: "forms.ModelForm[User]", change: bool
    ) -> None:
        obj.is_staff = True  # everyone works in the admin; what they see is their desks'
        held = second_person.held_states(obj, form) if change else []
        super().save_model(request, obj, form, change)
        second_person.ask_states(request, obj, held)
        if "is_active" in form.changed_data:
            sessions.end_all(user=obj)  # they do not come back with the person

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save memberships, and record each that was given, changed or taken away."""
        held = second_person.held_roles(formset)
        super().save_formset(request, form, formset, change)
        changed = [membership for membership, _ in formset.changed_objects]
        actor = actor_of(request)
        facts = [
            provisioning.membership_fact(membership, actor)
            for membership in [*formset.new_objects, *changed]
        ]
        facts += [
            provisioning.membership_fact(membership, actor, is_removed=True)
            for membership in formset.deleted_objects
        ]
        log.append(*facts)
        second_person.ask_roles(request, form.instance, held)

    def record(self, request: HttpRequest, obj: User, data: dict[str, Any]) -> None:
        super().record(request, obj, {"user": obj.get_username(), **data})

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        if not is_administrator(request):
            raise PermissionDenied
        sessions.demand_fresh(request)
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    @display(description="Password")
    def password_link(self, person: User) -> SafeString:
        there = reverse("admin:auth_user_password_change", args=[person.pk])
        return format_html('<a class="dk-link" href="{}">Set a new password</a>', there)

    @display(description="Second factor")
    def second_factor_link(self, person: User) -> SafeString:
        there = reverse("admin:auth_user_second_factor", args=[person.pk])
        has = "Show it" if second_factor.is_enrolled(person) else "None yet"
        return format_html('<a class="dk-link" href="{}">{}</a>', there, has)

    @display(description="Last signed in")
    def seen_at(self, person: User) -> str:
        return _in_zone(person.last_login)

    @display(description="Added")
    def added_at(self, person: User) -> str:
        return _in_zone(person.date_joined)

    @display(description="Log")
    def log_link(self, person: User) -> SafeString:
        name = person.get_username()
        return link_to_records(f"What {visible(name)} did", operator=name)

    @display(description="Name")
    def name_column(self, person: User) -> str:
        return visible(person.username)

    @display(description="State")
    def state_column(self, person: User) -> str:
        if not person.is_active:
            return mark_safe('<span class="dk-badge">deactivated</span>')
        return "administrator" if person.is_superuser else "active"

    @display(description="Desks")
    def desks_column(self, person: User) -> str:
        memberships = person.memberships.all()
        roles = [f"{held.desk.name} ({held.get_role_display()})" for held in memberships]
        return visible(", ".join(roles)) or "–"

    @display(description="Second factor")
    def factor_column(self, person: "Listed") -> str:
        if person.lacks_factor:
            return mark_safe('<span class="dk-status dk-alarm">missing</span> must have one')
        return "set up" if person.has_factor else "none"

    @display(description="Last sign-in")
    def seen_column(self, person: User) -> str:
        return ago(person.last_login)


def _in_zone(moment: datetime | None) -> SafeString | str:
    """A time of the person who looks, with the name of their time zone."""
    return format_html("{} ({})", at(moment), zone()) if moment else "never"
