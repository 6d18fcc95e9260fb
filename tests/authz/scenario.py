"""Two desks with a whole life each, and one person of every kind: what the matrix is tried on."""

import uuid
from dataclasses import dataclass, field
from datetime import timedelta

from django.utils.timezone import now

from orders.access import four_eyes
from orders.accounts import provisioning, wallet_check
from orders.cancels import requests
from orders.cancels.bulk import previews
from orders.cancels.bulk import scope as bulk_scope
from orders.models import (
    Alert,
    AuditRecord,
    Cancel,
    CancelStatus,
    Drift,
    Latch,
    MarketWatch,
    Order,
    Passkey,
    ProposalKind,
    Restore,
    Role,
    SavedView,
    Schedule,
)
from orders.operations.errands import exports, verification_requests
from orders.panic import decision
from orders.panic.guard.seen import state_of
from tests.helpers.firm import PASSWORD, Firm
from tests.helpers.guards import new_guard
from tests.helpers.screens import known_order
from tests.helpers.tokens import new_token


class NoExchange:
    """Stands where a firm tells the paper exchange of its accounts: nothing is ever sent here."""

    def account(self, address, **about):
        """Nothing to tell anybody."""


@dataclass
class Side:
    """One desk: its rows by model name, and the words by which a page would betray it."""

    desk: object
    rows: dict
    words: tuple = ()
    extra: dict = field(default_factory=dict)


class World:
    """The firm's two desks as `near` (Momentum) and `far` (Basis); ``people`` by kind, by name."""

    def __init__(self):
        firm = Firm(NoExchange())
        self.firm = firm
        self.keypair, self.main = firm.keypair(), firm.keypair()  # what forms are given
        double = firm.person("dora", firm.momentum, Role.HEAD)
        provisioning.add_operator(name="dora", desk=firm.basis, role=Role.VIEWER)
        gone = firm.person("gerd", firm.momentum, Role.HEAD)
        far_head = firm.person("farida", firm.basis, Role.HEAD)
        far_auditor = firm.person("faisal", firm.basis, Role.AUDITOR)
        self.people = {
            "anonymous": None,
            "viewer": firm.viewer,
            "operator": firm.operator,
            "head": firm.head,
            "auditor": firm.auditor,
            "stranger": firm.stranger,
            "head here, viewer there": double,
            "administrator": firm.administrator,
            "deactivated": gone,
        }
        self.near = self._side(
            firm.momentum, firm.account, firm.operator, firm.head, firm.auditor, "NEARCOIN", 7
        )
        self.far = self._side(
            firm.basis, firm.foreign_account, firm.stranger, far_head, far_auditor, "FARCOIN", 8
        )
        gone.is_active = False
        gone.save()
        MarketWatch.objects.create(pk=1, next_prices_at=now(), next_decimals_at=now())

    def _side(self, desk, account, operator, head, auditor, symbol, digit):
        """Every kind of row on one desk, each naming the desk's canaries."""
        actor = self.firm.actor
        order, closed, free = (
            known_order(account, digit * 10_000_000_001 + n, symbol=symbol) for n in range(3)
        )
        about = {"user": operator, "actor": actor(operator)}
        reason = f"because of {symbol}"
        asked = requests.cancel_orders(order_ids=[order.pk], reason=reason, **about)
        cancel = asked.jobs[0].cancels.get()
        Cancel.objects.filter(pk=cancel.pk).update(
            status=CancelStatus.UNKNOWN, next_check_at=now(), explanation=reason
        )
        Order.objects.filter(pk=closed.pk).update(state="closed")
        drift = Drift.objects.create(
            account=account, order=closed, kind="gone", said=reason, seen_at=now()
        )
        pulled = decision.record_panic(desk_id=desk.pk, symbol=symbol, reason=reason, **about)
        wallet = account.agent_wallets.get()
        wallet_check.ask_for_test(wallet=wallet, user=head, actor=actor(head))
        export = exports.ask(user=auditor, actor=actor(auditor), query={"symbol": symbol})
        verification = verification_requests.ask(user=auditor, actor=actor(auditor))
        token, _ = new_token(self.firm, name=f"bot-{symbol}", desk=desk, user=head)
        preview = self._preview(desk, account, head, free, reason)
        guard = new_guard(self.firm, name=f"guard-{symbol}", account=account, desk=desk, user=head)
        schedule = Schedule.objects.create(
            desk=desk,
            account=account,
            name=f"evening-{symbol}",
            kind="empty",
            at_minute=1,
            set_by=head,
            set_at=now(),
        )
        latch = Latch.objects.create(account=account, job=pulled, set_at=now())
        rows = {
            "order": order,
            "canceljob": asked.jobs[0],
            "cancel": cancel,
            "account": account,
            "agentwallet": wallet,
            "apitoken": token,
            "proposal": self._proposal(account, wallet, operator),
            "auditrecord": AuditRecord.objects.filter(desk=desk, event="cancel_asked").first(),
            "export": export,
            "verification": verification,
            "restore": self._restore(reason),
            "preview": preview,
            "drift": drift,
            "panicline": pulled.panic_lines.get(),
            "membership": desk.memberships.get(user=operator),
            "user": operator,
            "passkey": self._passkey(desk, f"key of {symbol}"),
            "savedview": SavedView.objects.create(user=operator, name=f"view of {symbol}"),
            "desk": desk,
            "guard": guard,
            "schedule": schedule,
            "latch": latch,
            "alert": self._alert(desk, symbol, reason),
        }
        names = [person.username for person in (operator, head, auditor)]
        words = (desk.name, account.name, account.address, wallet.public_key, symbol, *names)
        ids = tuple(str(one.order_id) for one in (order, closed, free))
        return Side(desk, rows, words + ids, {"free": free, "panic": pulled})

    def _proposal(self, account, wallet, operator):
        """An agent wallet that waits for a second person, asked for by another of the desk."""
        key = wallet.public_key
        return four_eyes.ask(
            kind=ProposalKind.AGENT_WALLET,
            desk=account.desk,
            about=f"agent wallet {key} of account {account.pk}",
            content={"account": account.pk, "public_key": key, "is_new": False},
            words=f"Agent wallet {key} signs for {account}",
            user=operator,
            actor=self.firm.actor(operator),
        )

    def _alert(self, desk, about, said):
        """A matter of this desk that people were told of."""
        times = {"raised_at": now(), "next_tell_at": now(), "told_at": now()}
        return Alert.objects.create(
            kind="clock", about=about, desk_name=desk.name, said=said, **times
        )

    def _passkey(self, desk, name):
        """A passkey of one of the desk's people, who comes in by no cell."""
        owner = self.firm.person(name.replace(" ", "-"), desk, Role.VIEWER)
        row = Passkey(user=owner, name=name, enrolled_at=now())
        row.credential_id, row.public_key = name.encode(), b"none"
        row.save()
        return row

    def _restore(self, reason):
        """A copy of the database that was put back, and accepted, long ago."""
        long_ago = now() - timedelta(days=9)
        about = dict.fromkeys(("number", "count", "shared", "tip"), 1) | {"line_hash": "f" * 64}
        about |= {"found_at": long_ago, "accepted_at": long_ago, "lost_from": long_ago}
        return Restore.objects.create(is_waiting=False, reason=reason, **about)

    def _preview(self, desk, account, head, order, reason):
        scope = bulk_scope.Scope(desk_id=desk.pk, account_ids=(account.pk,))
        return previews.of_scope(user=head, actor=self.firm.actor(head), scope=scope)

    def payload(self, side) -> dict:
        """A form that names this side's rows in every way a screen might read."""
        rows = side.rows
        pk = {name: str(row.pk) for name, row in rows.items()}
        return {
            "request_key": str(uuid.uuid4()),
            "account": pk["account"],
            "accounts": pk["account"],
            "desk": pk["desk"],
            "order": pk["order"],
            "orders": str(side.extra["free"].pk),
            "ids": str(side.extra["free"].pk),
            "user": pk["user"],
            "line": pk["panicline"],
            "preview": pk["preview"],
            "job": pk["canceljob"],
            "wallet": pk["agentwallet"],
            "_selected_action": [pk["order"], str(side.extra["free"].pk)],
            "action": "cancel_selected",
            "select_across": "0",
            "symbol": "BTC",
            "kind": "order",
            "order_id": "123456789",
            "reason": "matrix",
            "public_key": str(self.keypair.pubkey()),
            "secret": str(self.keypair),
            "address": str(self.main.pubkey()),
            "name": "Matrix",
            "username": "matrix",
            "password": PASSWORD,
            "password1": "long enough to pass",
            "password2": "long enough to pass",
            "usable_password": "true",
            "is_active": "on",
            "is_superuser": "on",
            "role": "head",
            "rights": ["read", "cancel"],
            "ttl_s": "30",
            "at": "21:55",
            "state": state_of(rows["guard"]),
            "days": "30",
            "post": "yes",
            "next": "/admin/",
            "typed": side.desk.name,
            "api_config_key": "AbCd1234_2mBcDeFgH",
            "memberships-TOTAL_FORMS": "2",
            "memberships-INITIAL_FORMS": "1",
            "memberships-MIN_NUM_FORMS": "0",
            "memberships-MAX_NUM_FORMS": "1000",
            "memberships-0-id": pk["membership"],
            "memberships-0-user": pk["user"],
            "memberships-0-desk": pk["desk"],
            "memberships-0-role": "head",
            "memberships-1-user": pk["user"],
            "memberships-1-desk": pk["desk"],
            "memberships-1-role": "auditor",
        }
