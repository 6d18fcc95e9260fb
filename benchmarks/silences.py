"""Guards whose bots live and fall silent while lookouts are killed and clocks are set to and fro.

A part of `benchmarks.guarding`, which says what is measured.
"""

import argparse
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from benchmarks import stage

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from orders.models import Account, Guard
    from tests.helpers.firm import Firm

TTL_S = 1
PATIENCE_S = 20  # with a silence, before it counts as missed
PLANS = ("silence", "silence", "disarm", "late")


def guard(
    firm: "Firm", name: str, account: "Account | None" = None, *, ttl_s: int = TTL_S
) -> "Guard":
    """Make a guard, of one second where nothing else is said."""
    from orders.panic.guard import changes

    setting = changes.Setting(account_id=account.pk if account else None, ttl_s=ttl_s)
    about = {"user": firm.head, "actor": firm.actor(firm.head)}
    return changes.make(desk_id=firm.momentum.pk, name=name, setting=setting, **about)


def look(given: argparse.Namespace) -> None:
    """Be a sweep that only looks at guards, until killed."""
    import django

    django.setup()
    from orders.management.duty_threads import Duty, Sweep
    from orders.panic.guard import lookout

    guards = lookout.Lookout()
    Sweep([Duty("guard", guards.look, guards.rest_s)]).start()
    signal.pause()


def run(given: argparse.Namespace) -> None:
    """Run the scaled hour and tell its figures."""
    with stage.Stage(given) as site:
        firm = site.firm()
        guards = [guard(firm, f"bot-{n}", firm.account) for n in range(given.guards)]
        site.kinds = ["two processes that look at guards"]
        print(
            f"{given.armings} armings of {given.guards} guards, seed {given.seed}, "
            f"{site.conditions()}",
            flush=True,
        )
        hour = Hour(site, firm, given)
        hour.run(guards)
        print(hour.told())
        if hour.faults():
            raise SystemExit(1)


class Hour:
    """The scaled hour: bots, two that look, who kills them, and who sets clocks."""

    def __init__(self, site: stage.Stage, firm: "Firm", given: argparse.Namespace) -> None:
        self._site, self._firm, self._armings = site, firm, given.armings
        limit_s = given.minutes * 60 or float("inf")
        self._ends_at = time.monotonic() + limit_s
        self._random = random.Random(given.seed)
        self._counting, self._over = threading.Lock(), threading.Event()
        self.counts: Counter[str] = Counter()
        self.late_ms: list[float] = []

    def run(self, guards: "list[Guard]") -> None:
        """Run until every arming was made and ended."""
        began = time.monotonic()
        self._lookers = [self._looker(), self._looker()]
        others = [threading.Thread(target=each, daemon=True) for each in (self._kill, self._jump)]
        bots = [threading.Thread(target=self._live, args=(guard,)) for guard in guards]
        for thread in others + bots:
            thread.start()
        for thread in bots:
            thread.join()
        self._over.set()
        for thread in others:
            thread.join()
        for process in self._lookers:
            process.kill()
        self.took_s = time.monotonic() - began
        self._count_jobs()

    def faults(self) -> int:
        """How many were missed, false or double."""
        return self.counts["missed"] + self.counts["false"] + self.counts["twice"]

    def told(self) -> str:
        """Say what there was and what came of it."""
        c = self.counts
        world = f"{c['kill']} kills, {c['both killed']} of both at once, {c['jump']} clock jumps"
        said = f"{c['arming']} armings, {c['beat']} beats, {c['silence']} silences; {world}; "
        said += f"{c['not written']} cycles given up for a busy database; "
        said += f"{self.took_s:.0f} s\n{c['missed']} missed, {c['false']} false, "
        return (
            said
            + f"{c['twice']} twice\nsilence to fired, less the time to live: "
            + stage.told(self.late_ms)
        )

    def _looker(self) -> "subprocess.Popen[bytes]":
        return self._site.run("-m", "benchmarks.guarding", "--part", "look")

    def _count(self, what: str) -> bool:
        """Count one; of armings, whether there is one left to make."""
        with self._counting:
            is_enough = self.counts["arming"] >= self._armings or time.monotonic() > self._ends_at
            if what == "arming" and is_enough:
                return False
            self.counts[what] += 1
        return True

    def _live(self, guard: "Guard") -> None:
        """Be a bot: arm, beat, and end by a plan, again and again."""
        from django.db import OperationalError, connection

        while self._count("arming"):
            try:
                self._cycle(guard, self._random.choice(PLANS))
            except OperationalError:  # SQLite's one writer was busy for too long
                self._count("not written")
        connection.close()

    def _cycle(self, guard: "Guard", plan: str) -> None:
        from orders.panic.guard import arming

        about = {"user": self._firm.operator, "actor": self._firm.actor(), "guard_id": guard.pk}
        heard_s = time.monotonic()
        arming.arm(**about)
        for _ in range(self._random.randint(1, 3)):
            time.sleep(self._random.uniform(0.7, 0.8) if plan == "late" else 0.2)
            before_s = time.monotonic()
            if not self._beat(guard):
                if before_s - heard_s < TTL_S and time.monotonic() - heard_s < TTL_S:
                    self._count("false")
                return None  # this bot was late itself: the machine is slow
            heard_s = before_s
        if plan == "silence":
            return self._fall_silent(guard, heard_s)
        arming.disarm(**about, reason="the plan says so")
        guard.refresh_from_db()
        if guard.status == "fired" and time.monotonic() - heard_s < TTL_S:
            self._count("false")
        return None

    def _beat(self, guard: "Guard") -> bool:
        from orders.panic.guard import arming

        heard = arming.beat(desk_id=guard.desk_id, guard_id=guard.pk)
        self._count("beat")
        return heard is not None and heard.status == "armed"

    def _fall_silent(self, guard: "Guard", heard_s: float) -> None:
        from orders.models import Guard

        self._count("silence")
        fired = Guard.objects.filter(pk=guard.pk, status="fired")
        while not fired.exists():
            if time.monotonic() - heard_s > TTL_S + PATIENCE_S:
                self._count("missed")
                return
            time.sleep(0.02)
        late_ms = (time.monotonic() - heard_s - TTL_S) * 1000
        if late_ms < 0:
            self._count("false")
        self.late_ms.append(late_ms)

    def _kill(self) -> None:
        """Kill those that look, by turns and now and then together."""
        while not self._over.wait(self._random.uniform(2, 6)):
            is_both = self._random.random() < 0.2
            for place in (0, 1) if is_both else (self._random.randint(0, 1),):
                self._lookers[place].kill()
                self._lookers[place].wait()
                self._count("kill")
            self.counts["both killed"] += is_both
            for place in (0, 1):
                if self._lookers[place].poll() is not None:
                    self._lookers[place] = self._looker()

    def _jump(self) -> None:
        """Set the database's clock to and fro, by what was dated before."""
        from django.db import connection, transaction
        from django.db.models import F

        from orders.models import Guard, GuardPulse

        while not self._over.wait(self._random.uniform(1, 3)):
            ahead = timedelta(seconds=self._random.choice([-3600, -30, -2, 2, 30, 3600]))
            with transaction.atomic():
                Guard.objects.exclude(beat_at=None).update(beat_at=F("beat_at") - ahead)
                GuardPulse.objects.update(at=F("at") - ahead)
            self._count("jump")
        connection.close()

    def _count_jobs(self) -> None:
        """A silence fires once: no guard has more jobs than firings, and none twice the same."""
        from orders.models import CancelJob, GuardArming

        jobs = CancelJob.objects.filter(is_panic=True).count()
        fired = GuardArming.objects.filter(end="fired").count()
        self.counts["twice"] += abs(jobs - fired)
