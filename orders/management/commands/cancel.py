"""`manage.py cancel`: cancel orders from a terminal, even with everything else down."""

import sys
from datetime import datetime
from json import dumps
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser
from django.db.models import Q

from desk import startup_checks
from orders.access.denials import refuse
from orders.accounts import provisioning
from orders.audit import reasons
from orders.audit.log import Actor
from orders.cancels import requests
from orders.cancels.intake import CancelReceipt
from orders.lifecycle import restored_copy
from orders.lifecycle.targets import CannotAsk
from orders.management import cancel_runner, terminal
from orders.models import Account, Cancel, CancelKind, CancelStatus, Proof, Right
from orders.models.cancels import LIVE

if TYPE_CHECKING:
    from django.contrib.auth.models import User


CANCELLED, ENDED_OTHERWISE, NOT_SETTLED = 0, 1, 3


class Command(terminal.DeskCommand):
    """Read the options and say how it ended; `cancels.requests` asks, `cancel_runner` sends."""

    help = (
        "Cancels orders of one account. Exit code 0: every one is proven cancelled; 1: one ended "
        "otherwise; 2: nothing was asked, the input or a setting is wrong; 3: not settled in time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Who asks, for which orders, why, and how long to wait."""
        parser.add_argument("--operator", required=True, help="on whose behalf; their rights apply")
        terminal.add_account_arguments(parser)
        parser.add_argument("--kind", default="order", choices=CancelKind.values)
        ids = parser.add_mutually_exclusive_group(required=True)
        ids.add_argument("--order-id", type=int, nargs="+", default=[], metavar="N")
        ids.add_argument("--client-order-id", nargs="+", default=[], metavar="U")
        parser.add_argument("--symbol", required=True, help="case kept: BTC, kBONK")
        parser.add_argument("--reason", required=True)
        parser.add_argument(
            "--wait", type=terminal.not_negative, default=30, metavar="S", help="seconds; 30"
        )
        parser.add_argument("--json", action="store_true")

    def handle(
        self,
        *args: str,
        operator: str,
        account: str,
        desk: str | None,
        kind: str,
        order_id: list[int],
        client_order_id: list[str],
        symbol: str,
        reason: str,
        wait: float,
        json: bool,
        **options: Any,
    ) -> None:
        """Ask, send and say how it ended; the exit code tells scripts."""
        with terminal.in_words():
            startup_checks.check_sender()
            restored_copy.refuse_behind()
            ids: list[tuple[int | None, str | None]] = [(number, None) for number in order_id]
            ids += [(None, name) for name in client_order_id]
            receipt, named = _ask(operator, account, desk, symbol, kind, ids, reason)
        for note in receipt.notes:
            self.stderr.write(note)
        fresh = cancel_runner.run(named, wait_s=wait)
        if json:
            self.stdout.write(dumps([_as_json(cancel) for cancel in fresh], indent=2))
        else:
            for cancel in fresh:
                self.stdout.write(_in_words(cancel))
        sys.exit(_exit_code(fresh))


def _ask(
    operator: str,
    account_name: str,
    desk: str | None,
    symbol: str,
    kind: str,
    ids: list[tuple[int | None, str | None]],
    reason: str,
) -> tuple[CancelReceipt, list[Cancel]]:
    """Record the act; return its receipt, and the newest cancel of each order named.

    That is ours, or one that was live already. ``ids``: (order id, client order id) pairs.
    """
    if not reasons.seen(reason):
        raise CannotAsk("Give a reason: it is kept with the cancel.", field="reason")
    user = terminal.operator_named(operator)
    actor = terminal.actor_of(user)
    account = _account(user, actor, account_name, desk)
    receipt = requests.cancel_by_ids(
        user=user,
        actor=actor,
        account_id=account.pk,
        symbol=symbol,
        kind=kind,
        ids=ids,
        reason=reason,
    )
    return receipt, list(dict.fromkeys(_newest(account, *pair) for pair in ids))


def _newest(account: Account, order_id: int | None, client_order_id: str | None) -> Cancel:
    named = Q(order_id=order_id) if order_id else Q(client_order_id__iexact=client_order_id)
    return account.cancels.filter(named).latest("pk")


def _account(user: "User", actor: Actor, name: str, desk: str | None) -> Account:
    """Find the account of this name or address on this person's desks; a stranger learns nothing.

    Raises `NotAllowed`, or `CannotEnrol` where several of these desks have it.
    """
    among = Account.objects.allowing(user, Right.CANCEL)
    accounts = provisioning.accounts_named(name, desk=desk, among=among)
    if not accounts:
        what = f"cancel an order of account {name}"
        refuse(actor=actor, what=what, said=requests.NO_ACCOUNT)
    return provisioning.only_one(accounts, name)


def _exit_code(fresh: list[Cancel]) -> int:
    statuses = {cancel.status for cancel in fresh}
    if statuses & set(LIVE):
        return NOT_SETTLED
    return CANCELLED if statuses == {CancelStatus.CANCELLED} else ENDED_OTHERWISE


def _in_words(cancel: Cancel) -> str:
    known = cancel.known_order
    side = f" {known.side}" if known and known.side else ""
    name = cancel.order_id or cancel.client_order_id
    said = cancel.explanation or (Proof(cancel.proof).label if cancel.proof else "")
    text = f"{cancel.symbol}{side} {name}: {cancel.get_status_display()}."
    return f"{text} {said}".strip()


def _as_json(cancel: Cancel) -> dict[str, Any]:
    return {
        "job": cancel.job_id,
        "account": cancel.account.name,
        "symbol": cancel.symbol,
        "kind": cancel.kind,
        "order_id": cancel.order_id,
        "client_order_id": cancel.client_order_id,
        "status": cancel.status,
        "proof": Proof(cancel.proof).name.lower(),
        "explanation": cancel.explanation,
        "attempts": cancel.attempt,
        "filled_amount": cancel.filled_amount,
        "cancelled_amount": cancel.cancelled_amount,
        "requested_at": _time(cancel.requested_at),
        "first_sent_at": _time(cancel.first_sent_at),
        "concluded_at": _time(cancel.concluded_at),
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
