"""Acts that raise a risk wait for a second person; cancels, panics and stops never do.

For an act of your own that must wait, three steps:

1. Give it a kind in `orders.models.proposals.ProposalKind`, and register once, in
   `orders.apps.OrdersConfig.ready`, how it is checked and done::

       four_eyes.register(ProposalKind.GUARD, four_eyes.Act(may=..., state=..., do=...))

2. Where the act is done, after its rights and its input were checked and before anything is
   written, and outside any open transaction (else the rollback loses the proposal)::

       four_eyes.wait_if_needed(
           kind=ProposalKind.GUARD, desk=guard.desk, about=f"guard {guard.pk}",
           content={"guard": guard.pk, "wait_s": 20}, user=user, actor=actor,
           words="Guard 3 of Momentum waits 20 s, not 5 s",
       )
       _do_it(...)  # reached only where nobody has to wait

   It raises `Waits`, whose text is for the person: show it as a message and go back to the page;
   a command's `terminal.in_words` prints it. Never call it for an act that lowers a risk.

3. ``Act.do`` gets the proposal once a second person has approved it, within the transaction that
   marks it approved: read ``proposal.content`` again (`content_of`), do the act, append its own
   record, return one sentence. Raise `NoLonger` where it cannot be done any more.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from orders.audit import log
from orders.audit.hashing import compact
from orders.models import (
    Account,
    Desk,
    Event,
    Proposal,
    ProposalKind,
    ProposalStatus,
    SealedProposal,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from orders.models.desks import Person

MAX_WORDS = 600


class Waits(Exception):
    """The act waits for a second person. The text says so; ``proposal`` is what waits."""

    def __init__(self, proposal: Proposal) -> None:
        super().__init__(
            f"Nothing is changed yet. This waits for a second person: {proposal.words}. "
            f"It expires at {proposal.expires_at:%Y-%m-%d %H:%M} UTC."
        )
        self.proposal = proposal


class NoLonger(Exception):
    """What was proposed cannot be done any more; the text says why."""


@dataclass(frozen=True)
class Act:
    """How one kind of proposal is checked and done.

    ``may``: whether this person may ask for it, and approve what another asked. ``state``: the
    thing that it changes as it stands now, as plain JSON values, with the names that the words give
    it but for the desk's; called within a transaction, so that it may lock its rows. ``do``: do it,
    for the actor who approved; see above. ``is_for_heads``: desk heads may, administrators may not.
    """

    may: Callable[["Person", Proposal], bool]
    state: Callable[[Proposal], Any]
    do: Callable[[Proposal, log.Actor], str]
    is_for_heads: bool = False


_ACTS: dict[str, Act] = {}


def register(kind: ProposalKind, act: Act) -> None:
    """Say how proposals of this kind are checked and done."""
    _ACTS[kind.value] = act


def act_of(proposal: Proposal) -> Act:
    """Return how this proposal is checked and done."""
    return _ACTS[proposal.kind]


def is_needed(desk: Desk | None = None) -> bool:
    """Whether what raises a risk waits: on this desk, or on the installation if none is named.

    Acts on the whole installation wait as soon as one desk asks for a second person: who is made an
    administrator, or loses the second factor, could otherwise be that second person.
    """
    if settings.FOUR_EYES:
        return True
    desks = Desk.objects.filter(needs_second_person=True)
    return desks.exists() if desk is None else desks.filter(pk=desk.pk).exists()


def is_needed_for(account: Account) -> bool:
    """Whether what raises a risk waits on this account: a desk that asks for it has its address.

    An account may stand on two desks; the key that signs is the same.
    """
    desks = Desk.objects.filter(needs_second_person=True, accounts__address=account.address)
    return settings.FOUR_EYES or desks.exists()


def is_needed_of(person: "User") -> bool:
    """Whether what makes this person more dangerous waits: by one of their desks, or for all."""
    if person.is_superuser:
        return is_needed()
    return settings.FOUR_EYES or person.memberships.filter(desk__needs_second_person=True).exists()


def wait_if_needed(
    *,
    kind: ProposalKind,
    desk: Desk | None,
    about: str,
    content: dict[str, Any],
    words: str,
    user: "Person",
    actor: log.Actor,
) -> None:
    """Raise `Waits` where the act waits for a second person; return where it does not.

    ``about``: the thing that is changed, such as *guard 3*: a newer proposal about it replaces an
    older one. ``content``: what exactly would be done, as plain JSON without any secret.
    ``words``: the same for people, without a full stop at the end. The module says how to use it.
    """
    if is_needed(desk):
        raise Waits(
            ask(
                kind=kind,
                desk=desk,
                about=about,
                content=content,
                words=words,
                user=user,
                actor=actor,
            )
        )


def ask(
    *,
    kind: ProposalKind,
    desk: Desk | None,
    about: str,
    content: dict[str, Any],
    words: str,
    user: "Person",
    actor: log.Actor,
    sealed: tuple[str, bytes] | None = None,
    now: datetime | None = None,
) -> Proposal:
    """Keep and record what waits for a second person; the rights were checked before.

    ``sealed``: a secret that waits with it: the id of the key that sealed it, and the bytes.
    """
    now = now or timezone.now()
    proposal = Proposal(kind=kind, desk=desk, about=about[:120], words=words[:MAX_WORDS])
    proposal.content, proposal.asked_by_id = compact(content), sure(user).pk
    proposal.asked_at, proposal.expires_at = now, now + settings.FOUR_EYES_LASTS
    proposal.content_sha256 = content_hash(proposal, sealed)
    with transaction.atomic():
        proposal.state_sha256 = state_hash(proposal)
        same = _replaced(proposal, actor, now)
        if same is not None:
            return same
        _insert(proposal, sealed)
        log.append(fact(proposal, actor, "asked", content=content))
    return proposal


def _replaced(proposal: Proposal, actor: log.Actor, now: datetime) -> Proposal | None:
    """Void what waits about the same thing; return it instead where it is the same act."""
    waiting = Proposal.objects.waiting().filter(kind=proposal.kind, about=proposal.about)
    older = waiting.select_for_update(no_key=True).first()
    if older is None:
        return None
    is_same = older.content_sha256 == proposal.content_sha256
    is_same &= older.state_sha256 == proposal.state_sha256
    if is_same and older.asked_by_id == proposal.asked_by_id and older.expires_at > now:
        return older
    if end(older, ProposalStatus.VOID, None, "another was asked for in its place", now):
        log.append(fact(older, actor, ProposalStatus.VOID))
    return None


def _insert(proposal: Proposal, sealed: tuple[str, bytes] | None) -> None:
    try:
        with transaction.atomic():
            proposal.save()
    except IntegrityError:
        raise NoLonger("Somebody asked for the same at this moment: look at what waits.") from None
    if sealed is not None:
        key_id, secret = sealed
        SealedProposal.objects.create(proposal=proposal, sealed_with=key_id, sealed=secret)


def content_of(proposal: Proposal) -> dict[str, Any]:
    """Return what exactly would be done."""
    content: dict[str, Any] = json.loads(proposal.content)
    return content


def content_hash(proposal: Proposal, sealed: tuple[str, bytes] | None) -> str:
    """Return the hash that binds a decision to the exact content."""
    secret = [sealed[0], hashlib.sha256(sealed[1]).hexdigest()] if sealed else []
    parts = [proposal.kind, proposal.desk_id, proposal.about, proposal.content, proposal.words]
    return hashlib.sha256(compact({"of": [*parts, secret]}).encode()).hexdigest()


def state_hash(proposal: Proposal) -> str:
    """Return the hash of the thing as it stands now, by name. Call it within a transaction.

    The words of a proposal name things: one that bears another name now is another to who reads.
    """
    state = act_of(proposal).state(proposal)
    desks = Desk.objects.filter(pk__in=[proposal.desk_id] if proposal.desk_id else [])
    named = {"state": state, "desk": list(desks.values_list("name", flat=True))}
    return hashlib.sha256(compact(named).encode()).hexdigest()


def end(
    proposal: Proposal, status: ProposalStatus, by: int | None, reason: str, now: datetime
) -> bool:
    """End what waits, and forget its sealed secret; return whether it waited."""
    waiting = Proposal.objects.waiting().filter(pk=proposal.pk)
    if not waiting.update(status=status, decided_by_id=by, decided_at=now, reason=reason):
        return False
    SealedProposal.objects.filter(proposal=proposal).delete()
    return True


def sure(user: "Person") -> "User":
    """Return the person as one who is signed in: nobody else holds any right."""
    assert user.is_authenticated
    return user


def fact(proposal: Proposal, actor: log.Actor, outcome: str, **data: Any) -> log.Fact:
    """Make the record of what was asked, or of what became of it."""
    about = {
        "proposal": proposal.pk,
        "kind": proposal.kind,
        "words": proposal.words,
        "content_sha256": proposal.content_sha256,
    }
    outcome = OUTCOMES.get(outcome, str(outcome))
    return log.Fact(Event.PROPOSAL, actor, outcome=outcome, desk=proposal.desk, data=about | data)


# As records hold them for ever; *expired* there is what became of a cancel.
OUTCOMES: dict[str, str] = {ProposalStatus.EXPIRED: "out_of_time", ProposalStatus.BROKEN: "alone"}
