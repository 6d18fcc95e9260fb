"""Test an agent wallet: a sender makes one harmless signed read, and says what it shows.

A person asks for a test. The app also tests each wallet when it is new or enabled again, and once a
day: somebody may have bound another wallet to the account.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from orders.access.denials import refuse
from orders.accounts import unheld_wallets
from orders.accounts.unheld_wallets import UNHELD
from orders.audit import log
from orders.exchange import client, foreign_answers
from orders.keys.sealing import CannotOpen, KeySettingsWrong, open_signer
from orders.lifecycle import restored_copy, wakeups
from orders.lifecycle.outcome_facts import described_result
from orders.models import AgentWallet, Event
from orders.models.accounts import BOUND
from orders.models.clocks import has_come
from orders.models.prepared import MOMENTS, Prepared
from orders.pacifica import answers
from orders.pacifica.bound import Bound
from orders.pacifica.transport import Answer, Unreachable

if TYPE_CHECKING:
    from orders.models.desks import Person


NOT_BOUND, REFUSED = "not_bound", "signature_refused"
BETA, UNREACHABLE, CANNOT_TELL = "beta_access", "unreachable", "cannot_tell"
CANNOT_SIGN = "cannot_sign"
TESTING, LOST, SILENT = "testing", "sender_lost", "not_signing"
TAKEN_FOR = timedelta(milliseconds=settings.PACIFICA_DEADLINE_MS, seconds=20)

WORDS = {
    BOUND: "Bound: the exchange accepts this agent wallet for the account.",
    NOT_BOUND: "Not bound: bind this agent wallet to the account on Pacifica's API key page.",
    REFUSED: "Signature refused: the stored key is not the one the exchange knows. Add it again.",
    BETA: "Beta access missing: redeem a beta code with this agent wallet at the exchange.",
    UNREACHABLE: "Unreachable: the exchange did not answer. Try again.",
    CANNOT_TELL: "Cannot tell.",
    CANNOT_SIGN: "Cannot sign.",
    LOST: "Its sender stopped before it could tell; it is tested again.",
}
EVERY = timedelta(days=1)
MAYBE_ODD = (
    "It is not listed, but for entries that cannot be read. Look at Pacifica's API key page."
)
NOT_TESTED = "Not tested: {}, so nothing is signed with it."
NO_WALLET = "There is no such agent wallet that you may test."
BY_CAUSE = {"agent": NOT_BOUND, "signature": REFUSED, "public_key": REFUSED, "beta": BETA}


@dataclass(frozen=True)
class Finding:
    """What a test showed. ``outcome``: a key of `WORDS`; ``said``: all that it showed, in words.

    ``result``: None where nothing was sent. ``unheld``: public keys that the exchange accepts for
    the account and this app does not hold, and entries of its list that cannot be read; None
    where no list was read.
    """

    outcome: str
    said: str
    result: Answer | Unreachable | None = None
    unheld: tuple[str, ...] | None = None


def ask_for_test(*, wallet: AgentWallet, user: "Person", actor: log.Actor) -> datetime:
    """Record that somebody wants this agent wallet tested, and wake a sender for it.

    Returns when that was. Raises `NotAllowed`.
    """
    if not AgentWallet.objects.managed_by(user).filter(pk=wallet.pk).exists():
        refuse(actor=actor, what=f"test agent wallet {wallet.pk}", said=NO_WALLET)
    asked_at = timezone.now()
    with transaction.atomic():
        waiting = AgentWallet.objects.filter(pk=wallet.pk).exclude(test_outcome=TESTING)
        waiting.update(test_asked_at=asked_at, tested_at=None, test_outcome="")
        log.append(_fact(wallet, actor, Event.AGENT_WALLET_TESTED, "asked", asked_at, {}))
        wakeups.probe(wallet_id=wallet.pk)
    return asked_at


def test_now(
    *, wallet: AgentWallet, actor: log.Actor, clock: Callable[[], datetime] = timezone.now
) -> None:
    """Test this agent wallet in this process, which must be a sender; recorded as any test.

    Where another sender is at it already, or a restored copy waits to be accepted, nothing is sent.
    """
    asked_at = clock()
    with transaction.atomic():
        waiting = AgentWallet.objects.filter(pk=wallet.pk).exclude(test_outcome=TESTING)
        waiting.update(test_asked_at=asked_at, tested_at=None, test_outcome="")
        log.append(_fact(wallet, actor, Event.AGENT_WALLET_TESTED, "asked", asked_at, {}))
    probe(wallet_id=wallet.pk, clock=clock)


def ask_daily(now: datetime) -> None:
    """Have each active agent wallet tested that is new or enabled anew, or a day after its last.

    So a foreign agent wallet is looked for as soon as one of ours can look.
    """
    due = AgentWallet.objects.filter(test_asked_at=None, is_active=True)
    due = due.filter(account__is_active=True, account__desk__is_active=True)
    due = due.filter(Q(tested_at=None) | has_come("tested_at", now - EVERY, EVERY))
    if not due.exists() or restored_copy.is_behind(now):
        return
    with transaction.atomic():
        rows = due.select_for_update(of=("self",), no_key=True).select_related("account__desk")
        wallets = list(rows.order_by("pk"))
        ids = [wallet.pk for wallet in wallets]
        AgentWallet.objects.filter(pk__in=ids).update(test_asked_at=now)
        log.append(
            *(_fact(each, SENDER, Event.AGENT_WALLET_TESTED, "asked", now, {}) for each in wallets)
        )


def probe(*, wallet_id: int, clock: Callable[[], datetime] = timezone.now) -> None:
    """Carry out a test that was asked for: sign, record, send once, write what it shows."""
    if restored_copy.is_behind(clock()):
        return
    wallet = _take_over_test(wallet_id, clock())
    if wallet is None:  # another sender took it
        return
    finding = _find_out(wallet, clock)
    is_list_read = finding.unheld is not None  # else what was shown last stands
    unheld = ", ".join(finding.unheld or ()) if is_list_read else wallet.unheld
    said = f"{finding.said} {UNHELD.format(unheld)}" if unheld else finding.said
    data: dict[str, Any] = {"said": said, "unheld": list(finding.unheld or ())}
    body = None
    with transaction.atomic():
        if is_list_read:
            unheld_wallets.keep(wallet.account, unheld)
        AgentWallet.objects.filter(pk=wallet_id).update(
            test_outcome=finding.outcome,
            test_said=said[:400],
            test_asked_at=None,
            tested_at=clock(),
        )
        if finding.result is not None:
            _, described, body = described_result(finding.result)
            data |= described
        log.append(
            _fact(wallet, SENDER, Event.AGENT_WALLET_TESTED, finding.outcome, clock(), data, body)
        )


def _take_over_test(wallet_id: int, now: datetime) -> AgentWallet | None:
    """Take the wallet for a while, where its test is asked for and no other sender has it.

    Returns None otherwise, and where nothing may be signed with it any more. Where another sender
    had it for too long, its test is recorded as lost.
    """
    asked = AgentWallet.objects.filter(pk=wallet_id, test_asked_at__isnull=False)
    with transaction.atomic():
        rows = asked.select_for_update(of=("self",), no_key=True).select_related("account__desk")
        wallet = rows.order_by("pk").first()
        if wallet is None:
            return None
        is_taken = wallet.test_outcome == TESTING
        if is_taken and not asked.filter(_is_over(now)).exists():
            return None
        ends = [_end(wallet, LOST, WORDS[LOST], now)] if is_taken else []
        if wallet.why_silent:
            said = NOT_TESTED.format(wallet.why_silent)
            asked.update(test_asked_at=None, test_outcome=SILENT, test_said=said)
            ends.append(_end(wallet, SILENT, said, now))
        else:
            asked.update(test_asked_at=now + TAKEN_FOR, test_outcome=TESTING)
        if ends:
            log.append(*ends)
    return None if wallet.why_silent else wallet


def _end(wallet: AgentWallet, outcome: str, said: str, now: datetime) -> log.Fact:
    """Return the record of a test that ends without an answer."""
    return _fact(wallet, SENDER, Event.AGENT_WALLET_TESTED, outcome, now, {"said": said})


def _is_over(now: datetime) -> Q:
    return has_come("test_asked_at", now, TAKEN_FOR)


def overdue(now: datetime, grace: timedelta) -> list[int]:
    """Return the ids of the wallets whose test no worker took in time."""
    return _not_taken(at=now - grace)


_not_taken = Prepared(
    lambda at: AgentWallet.objects.filter(_is_over(at)).values_list("pk", flat=True), at=MOMENTS
)


SENDER = log.Actor(operator_name="(sender)")


def _find_out(wallet: AgentWallet, clock: Callable[[], datetime]) -> Finding:
    """Sign and send the read, each recorded; return what it shows."""
    try:
        request = open_signer(wallet).list_agent_wallets(**client.signing_times(clock()))
    except (CannotOpen, KeySettingsWrong) as error:
        why = {"why": str(error)}
        log.record(_fact(wallet, SENDER, Event.KEY_REFUSED, CANNOT_SIGN, clock(), why))
        return Finding(CANNOT_SIGN, f"{WORDS[CANNOT_SIGN]} {error}")
    data = client.described(request.route, [request])
    log.record(_fact(wallet, SENDER, Event.REQUEST, "", clock(), data, request.body))
    try:
        answer = client.client().post(request.route, request.body)
    except Unreachable as unreachable:
        return Finding(UNREACHABLE, f"{WORDS[UNREACHABLE]} ({unreachable.reason})", unreachable)
    return _read(wallet, answer)


def _read(wallet: AgentWallet, answer: Answer) -> Finding:
    verdict, bound = answers.agent_wallets(
        status=answer.status,
        body=answer.body,
        subject=answers.Subject(account=wallet.account.address),
        is_whole=answer.is_whole,
    )
    if verdict.kind == "accepted":
        return _found(wallet, answer, bound)
    if verdict.another:
        return _foreign(wallet, answer, verdict.another)
    outcome = BY_CAUSE.get(verdict.cause, CANNOT_TELL)
    said = f"{WORDS[outcome]} {verdict.hint if outcome == CANNOT_TELL else ''}".strip()
    theirs = f"The exchange said: {verdict.error or 'nothing readable'} (HTTP {answer.status})."
    return Finding(outcome, f"{said} {theirs}", answer)


def _found(wallet: AgentWallet, answer: Answer, bound: Bound) -> Finding:
    """Say what the list shows. An entry that cannot be read may be this agent wallet or another."""
    unheld = unheld_wallets.listed(wallet.account, bound)
    if wallet.public_key in bound.keys:
        return Finding(BOUND, WORDS[BOUND], answer, unheld)
    if not bound.odd:
        return Finding(NOT_BOUND, WORDS[NOT_BOUND], answer, unheld)
    return Finding(CANNOT_TELL, f"{WORDS[CANNOT_TELL]} {MAYBE_ODD}", answer, unheld)


def _foreign(wallet: AgentWallet, answer: Answer, another: str) -> Finding:
    """Raise an alert: the answer is about something else, and shows nothing."""
    account = wallet.account
    foreign_answers.raise_alert(
        about=f"account {account.pk}", account=account, another=another, now=timezone.now()
    )
    said = f"{WORDS[CANNOT_TELL]} The answer speaks of another {another}: it proves nothing."
    return Finding(CANNOT_TELL, said, answer)


def _fact(
    wallet: AgentWallet,
    actor: log.Actor,
    event: Event,
    outcome: str,
    at: datetime,
    data: dict[str, Any],
    body: bytes | None = None,
) -> log.Fact:
    return log.Fact(
        event=event,
        actor=actor,
        at=at,
        outcome=outcome,
        account=wallet.account,
        data={"public_key": wallet.public_key} | data,
        body=body,
    )
