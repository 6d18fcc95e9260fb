"""One fault run: ``python -m tests.faults.run --seed 1 --cancels 16000 --kills 200 --minutes 17``.

Real processes against the paper exchange: web, workers and sweeps, on SQLite with the embedded
broker or (``--shape services``) on a PostgreSQL and a Redis of the run's own. Storms, in which
operators act while requests are spoiled, processes killed and frozen, messages lost and repeated,
take turns with calms, in which everything is well and must come to rest. All is drawn from the
seed. At the end operators' intents, our log and the exchange's ledger must agree; ends with 1 where
they do not, and prints the figures either way.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from datetime import timedelta
from functools import partial

from tests.faults import plan as plans
from tests.faults.browser import Act
from tests.faults.clocks import JUMPS, nearest
from tests.faults.plan import KINDS, STORM_S
from tests.faults.restoring import Copies
from tests.faults.stage import EVERYBODY, SENDERS, Stage

ACCOUNTS = 8
CALM_S = 14.0  # at most; it ends when all has come to rest
COPY_EVERY = 5  # storms: in one of so many a copy of the database is taken, to be put back
FUTURE_MS = 30_000  # what is signed further ahead is refused: it would be alive for an hour
FROZEN_S = 36  # longer than a lease
SENDING = timedelta(seconds=4)  # more than a living sender needs


class Run:
    """The whole of one run. ``copy_every``: as `COPY_EVERY`."""

    copy_every = COPY_EVERY

    def __init__(self, stage, *, seed, accounts, administrator):
        self.stage, self.seed, self.accounts = stage, seed, accounts
        self.administrator = administrator
        self.asked, self.waiting = 0, []
        self.intents, self.refused = [], []
        self.stale, self.frozen, self.calms = [], [], []
        self.copies = Copies(self)
        self.picked = {}  # cancel id -> since when it could have been sent

    def go(self, *, cancels, kills, seconds):
        """Storms and calms until enough was asked and killed, or the time is up."""
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at and (self.asked < cancels or self.kills < kills):
            rng = random.Random(f"{self.seed}/{len(self.calms)}")
            self._storm(rng, takes_copy=len(self.calms) % self.copy_every == 1)
            self._calm(CALM_S, spare_lost=True)
            self.copies.put_back(self.administrator)
        self.finish()

    def finish(self):
        """The last calm."""
        self.is_at_rest = self._calm(120)
        self.stage.browser.close()
        self.collect()

    @property
    def kills(self):
        """kill -9 by the run, not counting deaths at named points."""
        return sum(n for what, n in self.stage.counts.items() if what.startswith("killed"))

    @property
    def died_otherwise(self):
        """Deaths of processes that the run did not kill from outside."""
        counts = self.stage.counts
        elsewhere = counts["killed web worker"] + counts["killed broker"]  # no processes of ours
        return counts["deaths"] - counts["replaced"] - (self.kills - elsewhere)

    def when(self, moment):
        """A moment of a record in seconds, as it would read had no clock jumped.

        A run takes less than half a jump, so only one reading lies within it.
        """
        middle = (self.calms[0][0] + self.calms[-1][0]) / 2
        return nearest(moment.timestamp() * 1000, middle * 1000, JUMPS) / 1000

    def _storm(self, rng, takes_copy):
        for fault in plans.faults(rng):
            self.stage.paper.fault(**fault)
            if fault["kind"] == "stale_reads":
                self.stale.append((time.time(), None))
        plan = plans.planned(rng, self.accounts)
        self.stage.replace(rng.sample(EVERYBODY, 2))  # for such as may die by themselves
        dark_s = STORM_S - rng.choice([0, 0, 0, 2])  # from then on all senders are dead
        begun = time.monotonic()
        while (at_s := time.monotonic() - begun) < STORM_S:
            while plan and plan[0][0] <= at_s:
                self._do(*plan.pop(0)[1:])
            if takes_copy and at_s > STORM_S / 2:
                self.copies.take()
                takes_copy = False
            is_dark = at_s >= dark_s
            if is_dark:
                self.stage.counts["blackouts"] += sum(map(self.stage.kill, SENDERS)) > 0
            living = ["web"] if is_dark else EVERYBODY
            self.stage.revive(living, lambda name: self._armed(rng, name))
            time.sleep(0.1)
        self.stage.paper.disarm()
        if self.stale and self.stale[-1][1] is None:
            self.stale[-1] = (self.stale[-1][0], time.time())

    def _ask(self, act):
        """The orders come into being, and the operator asks to cancel them."""
        account, kind = act["account"], act["kind"]
        ids = self.stage.paper.orders(account.address, [KINDS[kind]] * act["count"])
        act["ids"] = list(ids)
        if act["has_stranger"]:
            ids.append(28_900_000_000 + self.asked)
        asked = Act(account.pk, tuple((order_id, kind) for order_id in ids), act["key"])
        self.waiting.append((asked, self.stage.browser.ask(asked)))
        self.asked += len(ids)

    def _do(self, what, *args):
        stage = self.stage
        if what == "ask":
            self._ask(*args)
        elif what in {"kill", "kill_web_worker", "kill_broker"}:
            getattr(stage, what)(*args)
        elif what == "freeze":
            if stage.freeze(*args, for_s=FROZEN_S):
                self.frozen.append((time.time(), time.time() + FROZEN_S))
        elif what in {"flush", "repeat"}:
            getattr(stage.broker, what)()
            stage.counts[what] += 1
        elif what == "jump":
            stage.clock.set(*args)
            stage.counts["clock jumps"] += bool(*args)
        elif what in {"disconnect", "restart"}:
            stage.counts[what] += getattr(stage.database, what)()
        else:
            self._meddle(*args)

    def _meddle(self, how, act, place):
        """Another hand does something to the order."""
        paper = self.stage.paper
        if place >= len(act.get("ids", ())):
            return  # it is not asked about yet
        order_id = act["ids"][place]
        try:
            paper.fill(order_id, "0.01") if how == "trade" else getattr(paper, how)(order_id)
        except ValueError:
            return  # it is closed by now, or no such order can be edited
        self.stage.counts["by another hand"] += 1

    def _armed(self, rng, name):
        armed = plans.arming(rng, name, can_be_full=self.stage.database.can_be_full)
        self.stage.counts["full disk"] += "room" in armed
        return armed

    def _calm(self, seconds, spare_lost=False):
        """Everything is well: wait until all is at rest, or for so long; whether it came to that.

        ``spare_lost``: do not wait for what a dead sender holds until its lease ends.
        """
        self.stage.clock.set(0)
        self.stage.disarm()
        self.stage.revive(self.stage.everybody)
        self.calms.append((time.time(), None))
        ends_at = time.monotonic() + seconds
        self._note_queued()
        has_ended = False
        while time.monotonic() < ends_at and not has_ended:
            time.sleep(0.3)
            self.stage.revive(self.stage.everybody)
            self.collect()
            has_ended = self._is_at_rest(spare_lost)
        self.calms[-1] = (self.calms[-1][0], time.time())
        return has_ended

    def _is_at_rest(self, spare_lost):
        return not self.waiting and not under_way(spare_lost)

    def _note_queued(self):
        from orders.models import Cancel, CreditPool

        well_at = self.calms[-1][0]
        pauses = patiently(lambda: list(CreditPool.objects.values_list("paused_until", flat=True)))
        well_at = max([well_at, *(at.timestamp() for at in pauses if at)])
        queued = Cancel.objects.filter(status="queued").values_list("pk", "not_before_at")
        for pk, at in patiently(lambda: list(queued)):
            self.picked.setdefault(pk, max(well_at, at.timestamp() if at else 0))

    def collect(self):
        """Take what the pages acknowledged."""
        for act, answer in [one for one in self.waiting if one[1].done()]:
            self.waiting.remove((act, answer))
            try:
                self.intents += [(act.account_id, order_id) for order_id in answer.result()]
            except ValueError as refused:
                self.refused.append(str(refused))


def under_way(spare_lost) -> bool:
    """Whether anything is not at rest, but for what has been in sending for too long."""
    from django.utils.timezone import now

    from orders.models import Cancel
    from orders.models.cancels import LEASE

    live = Cancel.objects.live()
    if spare_lost:
        live = live.exclude(status="sending", lease_until__lt=now() + LEASE - SENDING)
    return patiently(lambda: live.all().exists())


def patiently(read, patience_s=20):
    """Read although the database may just have been restarted."""
    from django.db import DatabaseError, InterfaceError, connection

    ends_at = time.monotonic() + patience_s
    while True:
        try:
            return read()
        except (DatabaseError, InterfaceError):
            if time.monotonic() > ends_at:
                raise
            connection.close()
            time.sleep(0.1)


def judged(run, *, had_right):
    """Compare the three logs of a run that is over: (figures, findings)."""
    from orders.evidence import checkpoints
    from orders.reconcile import sync
    from tests.faults import checker, figures  # only now are there settings

    for account in run.accounts:
        patiently(partial(sync.sync_account, account_id=account.pk))
    checkpoints.make()  # a copy accepted in the last seconds is not under one yet
    paper, folder = run.stage.paper, run.stage.folder
    ledger = paper.ledger()
    evidence = checker.Evidence(
        intents=run.intents,
        requests=ledger["requests"],
        effects=ledger["effects"],
        truth=paper.truth(),
        secrets=[account.agent_keypair for account in run.accounts],
        folders=[folder / "broker", folder / "processes.log"],
        had_right=had_right,
        jumps=JUMPS,
        forgotten=run.copies.forgotten,
    )
    findings = list(checker.everything(evidence))
    findings += run.copies.findings
    findings += [f"refused: {said}" for said in run.refused]
    return figures.of(run, evidence, findings), findings


def prove(*, seed, cancels, kills, seconds, folder, shape):
    """Run, check, and return (figures, findings)."""
    stage = Stage(folder, shape=shape)
    try:
        desk, user, accounts = stage.set_up(accounts=ACCOUNTS)
        stage.paper.rules(future_tolerance_ms=FUTURE_MS)
        administrator = type(user).objects.get(username="admin")
        run = Run(stage, seed=seed, accounts=accounts, administrator=administrator)
        run.go(cancels=cancels, kills=kills, seconds=seconds)
        return judged(run, had_right={(user.pk, desk.pk)})
    finally:
        stage.stop()


def main():
    """Read the options, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--cancels", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=40, help="of storms and calms, at most")
    parser.add_argument("--shape", choices=["embedded", "services"], default="embedded")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.shape}", flush=True)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        shown, findings = prove(
            seed=options.seed,
            cancels=options.cancels,
            kills=options.kills,
            seconds=options.minutes * 60,
            folder=folder,
            shape=options.shape,
        )
    return told(shown, findings)


def told(shown, findings):
    """Print a run's figures and what does not hold; its exit code."""
    print(json.dumps(shown, indent=2, default=str))
    for finding in findings[:50]:
        print(finding)
    return 1 if findings or not shown["came_to_rest"] else 0


if __name__ == "__main__":
    sys.exit(main())
