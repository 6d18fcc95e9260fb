"""A desk and the paper exchange under one controlled clock, with senders that can die anywhere."""

from contextlib import contextmanager, suppress
from datetime import timedelta
from unittest import mock

from django.utils import timezone

from orders.access.permissions import NotAllowed
from orders.cancels import requests
from orders.delivery import batches, expiry, packets, send_permission, worker
from orders.exchange import clock
from orders.lifecycle import transitions
from orders.lifecycle.targets import CannotAsk
from orders.management import sweep
from orders.models import Cancel, Membership, Role
from orders.models.cancels import LIVE
from orders.reconcile import resolutions, resolve
from orders.reconcile import sync as account_sync
from tests.faults import checker
from tests.helpers.claims import claim


class Died(BaseException):
    """A sender was killed right here. No handler of ours may catch it."""


# Where a sender can be killed: a function, and whether before it or after.
POINTS = {
    "after the claim": (worker, "claim", "after"),
    "before the attempt's commit": (worker, "record_requests", "before"),
    "after the attempt's commit": (worker, "record_requests", "after"),
    "after the bytes left": (batches, "send", "after"),
    "after the answer, before its commit": (transitions, "conclude", "before"),
    "within the answer's transaction": (transitions, "write", "after"),
    "after the answer's commit": (transitions, "conclude", "after"),
    "before a settlement is written": (resolutions, "record", "before"),
    "after a settlement is written": (resolutions, "record", "after"),
}


@contextmanager
def dying(point):
    """Within, the first sender to come by this point dies there."""
    if point is None:
        yield
        return
    module, name, when = POINTS[point]
    real = getattr(module, name)

    def deadly(*args, **kwargs):
        if when == "after":
            real(*args, **kwargs)
        raise Died

    with mock.patch.object(module, name, deadly):
        yield


class World:
    """What can happen, each as one method; and what must hold after each."""

    def __init__(self, firm):
        self.firm, self.paper = firm, firm.paper
        self.elapsed = timedelta(0)
        self.intents, self.had_right = [], {(firm.operator.pk, firm.momentum.pk)}
        self.order_ids, self.frozen = [], []

    def now(self):
        return timezone.now() + self.elapsed

    def advance(self, seconds):
        """Let time pass, for us and for the exchange."""
        self.elapsed += timedelta(seconds=seconds)
        self.paper.rules(clock_offset_ms=int(self.elapsed.total_seconds() * 1000))

    def place(self, count):
        """Orders come into being, and we learn of them."""
        rows = [{"client_order_id": None} for _ in range(count)]
        self.order_ids += self.paper.orders(self.firm.account.address, rows)
        self.sync()

    def submit(self, order_ids):
        """An operator asks; what is acknowledged is an intent."""
        known = self.firm.account.orders.filter(order_id__in=order_ids)
        try:
            asked = requests.cancel_orders(
                user=self.firm.operator,
                actor=self.firm.actor(),
                order_ids=list(known.values_list("pk", flat=True)),
            )
        except (NotAllowed, CannotAsk):
            return
        named = Cancel.objects.filter(job__in=asked.jobs).values_list("account_id", "order_id")
        self.intents += list(named)

    def deliver(self, point=None):
        """A sender sends what is queued, and may die of it."""
        self._act(point, worker.deliver_account, account_id=self.firm.account.pk, clock=self.now)

    def freeze(self):
        """A sender stops when its bytes have left; what came back waits with it."""
        chunk = claim(account_id=self.firm.account.pk, now=self.now())
        if not chunk or send_permission.may_not_send(chunk[0].job, chunk[0].account):
            return  # it stops with the claim in its hands
        pairs, _ = worker.sign(chunk, self.now())
        packs = worker.record_requests(packets.packed(pairs), self.now())
        batches.send(packs, self.now, lambda: False)
        self.frozen.append(packs)

    def thaw(self):
        """The frozen go on where they stopped, however late it is."""
        with mock.patch.object(clock, "measure"):
            while self.frozen:
                transitions.conclude(self.frozen.pop(0), self.now())

    def settle(self, point=None):
        """A sender asks about what is due, and may die of it."""
        self._act(point, resolve.settle_account, account_id=self.firm.account.pk, clock=self.now)

    def recover(self):
        """The sweep takes over from the dead, and gives up what could never be sent."""
        sweep.recover_abandoned(self.now())
        expiry.expire_unsent(self.now())

    def sync(self):
        """The book is read."""
        self._act(None, account_sync.sync_account, account_id=self.firm.account.pk, clock=self.now)

    def lose_rights(self):
        """The operator is taken off the desk."""
        Membership.objects.filter(user=self.firm.operator).delete()

    def regain_rights(self):
        """The operator is put back."""
        Membership.objects.get_or_create(
            user=self.firm.operator, desk=self.firm.momentum, defaults={"role": Role.OPERATOR}
        )

    def unbind(self):
        """The exchange no longer knows our agent wallet."""
        self.paper.account(self.firm.account.address, agents=[])

    def bind(self):
        """The exchange knows it again."""
        agents = [str(self.firm.account.agent_keypair.pubkey())]
        self.paper.account(self.firm.account.address, agents=agents)

    def findings(self, *, is_over=False):
        """All that is wrong by now."""
        ledger = self.paper.ledger()
        evidence = checker.Evidence(
            intents=self.intents,
            requests=ledger["requests"],
            effects=ledger["effects"],
            truth=self.paper.truth(),
            secrets=[self.firm.account.agent_keypair] if is_over else [],
            had_right=self.had_right,
        )
        return list(checker.everything(evidence, is_over=is_over, skew=self.elapsed))

    def come_to_rest(self, rounds=80):
        """Everything is well again: carry on until nothing is live, or rounds are over."""
        self.paper.disarm()
        self.bind()
        self.regain_rights()
        self.thaw()
        for _ in range(rounds):
            self.recover()
            self.deliver()
            self.settle()
            if not self._is_live():
                self.sync()  # what other hands did to orders is known too
                if not self._is_live():
                    return True
            self.advance(5)
        return False

    def _is_live(self):
        return Cancel.objects.filter(status__in=LIVE).exists()

    def _act(self, point, act, **options):
        with mock.patch.object(clock, "measure"), dying(point), suppress(Died):
            act(**options)
