"""Waiting for a second person: what exactly would change, approved or declined by another."""

from collections.abc import Callable
from typing import Any, NamedTuple

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST, require_safe

from orders.access import four_eyes, four_eyes_decisions, one_person, sessions
from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.shared import fields
from orders.admin.shared.partial_screens import ScreenWithoutRowPages
from orders.admin.shared.screens import is_administrator, rights_of
from orders.admin.shared.unfold import CustomUrl
from orders.models import Proposal, ProposalStatus, Right, Role
from orders.models.proposals import ProposalQuerySet
from orders.templatetags.desk import visible

LIST = "admin:orders_proposal_changelist"
SHOWN = 50
ROW_IDS = {"account", "account_id", "desk", "guard", "latch", "user"}


class Card(NamedTuple):
    """One proposal, and what this person may do about it."""

    proposal: Proposal
    facts: list[tuple[str, str]]
    is_own: bool
    may_decide: bool
    who: str  # decides it, if this person does not


@admin.register(Proposal)
class ProposalAdmin(ScreenWithoutRowPages[Proposal]):
    """One page: what waits, what one person did alone, what was decided lately."""

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (
            ("<int:object_id>/approve/", "orders_proposal_approve", self.approve_view),
            ("<int:object_id>/decline/", "orders_proposal_decline", self.decline_view),
            ("<int:object_id>/alone/", "orders_proposal_alone", self.alone_view),
            ("<int:object_id>/review/", "orders_proposal_review", self.review_view),
        )

    def has_view_permission(self, request: HttpRequest, obj: Proposal | None = None) -> bool:
        return is_administrator(request) or Right.AGENTS in rights_of(request)

    def get_queryset(self, request: HttpRequest) -> ProposalQuerySet:
        people = ("asked_by", "decided_by", "reviewed_by", "desk")
        found: ProposalQuerySet = super().get_queryset(request).select_related(*people)
        return found

    @method_decorator(require_safe)
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        self.guard_view(request)
        known = self.get_queryset(request)
        ended = known.exclude(status=ProposalStatus.WAITING)
        waiting = known.waiting().filter(expires_at__gt=timezone.now())
        return self.page(
            request,
            "desk/four_eyes/proposals.html",
            title="Waiting for a second person",
            waiting=[card_of(request, proposal) for proposal in waiting[:SHOWN]],
            to_review=[card_of(request, proposal) for proposal in known.to_review()[:SHOWN]],
            ended=list(ended[:SHOWN]),
            is_administrator=is_administrator(request),
        )

    @method_decorator(require_POST)
    def approve_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """Do what another person asked for, as it was shown."""
        return self.decided(
            request,
            lambda: four_eyes_decisions.approve(
                user=request.user,
                actor=actor_of(request),
                proposal_id=object_id,
                seen=request.POST.get("seen", ""),
            ),
        )

    @method_decorator(require_POST)
    def decline_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """Leave everything as it is."""
        return self.decided(
            request,
            lambda: four_eyes_decisions.decline(
                user=request.user,
                actor=actor_of(request),
                proposal_id=object_id,
                reason=fields.reason_of(request),
            ),
        )

    @method_decorator(require_POST)
    def alone_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """Do it without a second person; alarmed, and reviewed later."""
        return self.decided(
            request,
            lambda: one_person.break_glass(
                user=request.user,
                actor=actor_of(request),
                proposal_id=object_id,
                seen=request.POST.get("seen", ""),
                reason=fields.reason_of(request),
            ),
        )

    @method_decorator(require_POST)
    def review_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """Note what another administrator found about what was done alone."""
        return self.decided(
            request,
            lambda: one_person.review(
                user=request.user,
                actor=actor_of(request),
                proposal_id=object_id,
                said=fields.reason_of(request),
            ),
        )

    def decided(self, request: HttpRequest, act: Callable[[], str]) -> HttpResponseRedirect:
        """Do it with a fresh proof, and say on the page what came of it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        sessions.demand_fresh(request)
        try:
            messages.success(request, act())
        except (four_eyes.NoLonger, one_person.NoReason) as wrong:
            messages.warning(request, str(wrong))
        except NotAllowed as refused:
            raise PermissionDenied(str(refused)) from None
        return redirect(LIST)


def card_of(request: HttpRequest, proposal: Proposal) -> Card:
    """What the page says of one proposal."""
    user = request.user
    is_own = user.pk in (proposal.asked_by_id, proposal.decided_by_id)
    may = four_eyes.act_of(proposal).may(user, proposal)
    return Card(proposal, facts_of(proposal), is_own, may, who_decides(proposal, is_own=is_own))


def who_decides(proposal: Proposal, *, is_own: bool) -> str:
    """Say who has to decide what this person may not."""
    if not four_eyes.act_of(proposal).is_for_heads or proposal.desk is None:
        return "Somebody else with the right" if is_own else "An administrator"
    desk = visible(proposal.desk)
    heads = proposal.desk.memberships.filter(role=Role.HEAD, user__is_active=True)
    if heads.exclude(user=proposal.asked_by_id).exists():
        return f"Another desk head of {desk}"
    return f"{desk} has no other desk head: an administrator makes one, who"


def facts_of(proposal: Proposal) -> list[tuple[str, str]]:
    """What exactly would be done, a line for each value; what rows it is about, its words say."""
    content = four_eyes.content_of(proposal)
    content |= content.pop("setting", {})
    named = {name: value for name, value in content.items() if name not in ROW_IDS}
    return [(name.replace("_", " "), str(value)) for name, value in named.items()]
