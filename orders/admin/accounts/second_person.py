"""What of a person's form waits for a second person: it is asked for, and left out of the form."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest

from orders.access import four_eyes
from orders.access.sign_in_log import actor_of
from orders.accounts import waiting_acts
from orders.models import Desk, Membership, Proposal

FIELDS = {"is_superuser": "administrator", "is_active": "active"}


def held_states(person: User, form: "forms.ModelForm[User]") -> list[str]:
    """Leave out that the person becomes an administrator or active again; return what waits."""
    held = []
    for name, what in FIELDS.items():
        if name in form.changed_data and getattr(person, name) and _waits(person, name):
            setattr(person, name, False)
            form.changed_data.remove(name)
            held.append(what)
    return held


def _waits(person: User, name: str) -> bool:
    return four_eyes.is_needed() if name == "is_superuser" else four_eyes.is_needed_of(person)


def ask_states(request: HttpRequest, person: User, held: list[str]) -> None:
    """Ask for what was left out, once the rest is saved."""
    for what in held:
        actor = actor_of(request)
        _tell(request, waiting_acts.ask_state(person, what, user=request.user, actor=actor))


def held_roles(formset: Any) -> list[tuple[Desk, str]]:
    """Leave each role that waits out of the formset; return what waits."""
    held = []
    for form in formset.forms:
        if form.has_changed() and form not in formset.deleted_forms and _role_waits(form.instance):
            form.changed_data = []  # so that it is not saved
            held.append((form.instance.desk, form.instance.role))
    return held


def _role_waits(membership: Membership) -> bool:
    same = Membership.objects.filter(user=membership.user_id, desk=membership.desk_id)
    before = same.values_list("role", flat=True).first()
    is_raised = waiting_acts.is_raised(membership.role, before)
    return is_raised and four_eyes.is_needed(membership.desk)


def ask_roles(request: HttpRequest, person: User, held: list[tuple[Desk, str]]) -> None:
    """Ask for the roles that were left out, once the rest is saved."""
    user, actor = request.user, actor_of(request)
    for desk, role in held:
        _tell(request, waiting_acts.ask_role(person, desk, role, user=user, actor=actor))


def _tell(request: HttpRequest, proposal: Proposal) -> None:
    messages.warning(request, str(four_eyes.Waits(proposal)))
