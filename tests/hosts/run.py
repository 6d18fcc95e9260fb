"""One hosts run: ``python -m tests.hosts.run --seed 1 --cancels 20000 --cuts 100 --minutes 40``.

Two web hosts, three of workers, two of sweeps, a PostgreSQL with two replicas, a broker, the
exchange and the clients, each in a network namespace of the run's own; a switch of ours between
them. Storms, in which links are cut, delayed and made one-way, hosts lost and replicas promoted,
take turns with calms. Operators act all the while, and pull a panic while something is down. At the
end operators' intents, our log and the exchange's ledger must agree. Ends with 1 where they do not,
and with 2 where this machine cannot hold such a run; prints the figures either way.
"""

import argparse
import random
import sys
import time

from tests.faults.run import Run, judged, patiently, told
from tests.faults.services import program
from tests.hosts import network, plan
from tests.hosts.brokers import rabbit_program
from tests.hosts.lagging import LaggingReplica
from tests.hosts.panics import Panics
from tests.hosts.stage import Hosts, cuts_and_deaths

ACCOUNTS = 8
PROMOTE_EVERY = 7  # storms
SWAP_EVERY = 9  # storms
SWAPS = ["rabbitmq", "redis"]


class HostsRun(Run):
    """The whole of one run over several hosts. ``panics``: asked on a desk of their own."""

    copy_every = 12

    def __init__(self, stage, *, panics, **about):
        super().__init__(stage, **about)
        self.panics, self.copies = panics, LaggingReplica(self)
        self.swaps = list(SWAPS)

    @property
    def kills(self):
        """Everything that was done to links and hosts."""
        return cuts_and_deaths(self.stage.counts)

    @property
    def died_otherwise(self):
        """Processes that ended though their host stood."""
        counts = self.stage.counts
        return counts["deaths"] - counts["replaced"] - counts["processes lost"]

    def finish(self):
        """As of every run; what the panics' pages have not answered by then is given up."""
        super().finish()
        self.panics.close()

    def _storm(self, rng, takes_copy):
        number = len(self.calms)
        self._swap(number)
        promotes = number % PROMOTE_EVERY == 2 and not takes_copy
        about = {"primary": self.stage.database.primary, "promotes": promotes}
        steps = plan.planned(rng, self.accounts, **about)
        if takes_copy:  # lose no replica then: the primary would wait for none
            steps = [step for step in steps if step[1] in {"ask", "mend", "delay"}]
            self.copies.take()
        begun, self._down = time.monotonic(), []
        while (at_s := time.monotonic() - begun) < plan.STORM_S:
            while steps and steps[0][0] <= at_s:
                self._do(*steps.pop(0)[1:])
            self.stage.revive(self.stage.everybody)
            time.sleep(0.1)

    def _swap(self, number):
        if self.swaps and number % SWAP_EVERY == SWAP_EVERY - 1:
            self.stage.swap_broker(self.swaps.pop(0))

    def _do(self, what, *args):
        stage = self.stage
        if what == "ask":
            self._ask(*args)
        elif what == "panic":
            self.panics.ask(", ".join(self._down))
        elif what in {"lose", "bring_back"}:
            self._host(what, *args)
        elif what in {"promote"}:
            stage.promote()
        elif what == "freeze_broker":
            self._note("frozen", "the broker hangs")
            stage.broker.freeze()
        elif what == "thaw_broker":
            stage.broker.thaw()
        else:
            self._link(what, *args)

    def _host(self, what, host):
        is_lost = host in self.stage.lost
        if what == "lose" and not is_lost:
            self._down.append(f"{host} is lost")
            self.stage.lose(host)
        elif what == "bring_back" and is_lost:
            self.stage.bring_back(host)

    def _link(self, how, one, other, delay_s=0):
        links = self.stage.network
        if self.stage.lost & {one, other}:
            return
        if how == "mend":
            links.mend(one, other)
            return
        names = {"cut": "cut", "cut_one_way": "one-way", "delay": "delayed"}
        self._note(names[how], f"{one} to {other} is {names[how]}")
        if how == "delay":
            links.delay(one, other, delay_s)
            links.delay(other, one, delay_s)
        else:
            links.cut(one, other)
            if how == "cut":
                links.cut(other, one)

    def _note(self, counted, down):
        self.stage.counts[counted] += 1
        self._down.append(down)

    def _calm(self, seconds, spare_lost=False):
        if not self.copies.is_taken:
            self.stage.broker.thaw()
            self.stage.heal()
        return super()._calm(seconds, spare_lost)

    def _is_at_rest(self, spare_lost):
        from orders.models import PanicLine

        rest = super()._is_at_rest(spare_lost) and self.panics.are_answered
        return rest and not patiently(lambda: PanicLine.objects.unfinished().exists())


def set_up(stage, *, seed):
    """A run on this stage, and who has the right to cancel on which desk."""
    desk, user, accounts = stage.set_up(accounts=ACCOUNTS)
    panic_desk, paula, panicked = stage.panic_desk()
    stage.database.synchronous(True)
    panics = Panics(stage, paula, panic_desk, panicked)
    administrator = type(user).objects.get(username="admin")
    about = {"seed": seed, "accounts": accounts, "administrator": administrator}
    had_right = {(user.pk, desk.pk), (paula.pk, panic_desk.pk)}
    return HostsRun(stage, panics=panics, **about), had_right


def prove(*, seed, cancels, cuts, seconds, folder):
    """Run, check, and return (figures, findings)."""
    stage = Hosts(folder)
    try:
        run, had_right = set_up(stage, seed=seed)
        run.go(cancels=cancels, kills=cuts, seconds=seconds)
        shown, findings = judged(run, had_right=had_right)
        more = list(run.panics.findings(stage.paper.ledger(), stage.paper.truth()))
        del shown["kill -9 at random moments"]  # all deaths here are of hosts
        return _figures(run) | shown | {"panics' findings": more}, findings + more
    finally:
        stage.stop()


def _figures(run):
    from tests.faults.figures import spread  # only now are there settings

    panics = list(run.panics.sent())
    slowest = sorted(panics, key=lambda one: -(one[1] or 1e9))[:8]
    return {
        "cuts and deaths": run.kills,
        "promotions": run.stage.counts["promoted"],
        "panics": len(panics),
        "panic sent, s": spread([sent for _, sent, _ in panics if sent is not None], 10),
        "panic seen empty, s": spread([seen for _, _, seen in panics if seen is not None], 60),
        "panics never seen empty": sum(seen is None for _, _, seen in panics),
        "slowest panics": [f"{sent} s: {what}" for what, sent, _ in slowest],
    }


def why_not(*, swaps=False):
    """Why this machine cannot hold a hosts run, in a sentence; "" where it can.

    ``swaps``: whether the broker is swapped, which takes both kinds.
    """
    if not program("initdb"):
        return "The programs of PostgreSQL are missing."
    if not program("redis-server"):
        return "The program of Redis (redis-server) is missing."
    if swaps and not rabbit_program():
        return "The program of RabbitMQ (rabbitmq-server) is missing."
    return network.why_not()


def main():
    """Read the options, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--cancels", type=int, default=20_000)
    parser.add_argument("--cuts", type=int, default=100, help="of links, and hosts lost, at least")
    parser.add_argument("--minutes", type=float, default=40, help="of storms and calms, at most")
    options = parser.parse_args()
    if said := why_not(swaps=True):
        print(f"Cannot run. {said}", file=sys.stderr)
        return 2
    print(f"seed {options.seed}", flush=True)
    with network.own_folder() as folder:
        shown, findings = prove(
            seed=options.seed,
            cancels=options.cancels,
            cuts=options.cuts,
            seconds=options.minutes * 60,
            folder=folder,
        )
    return told(shown, findings)


if __name__ == "__main__":
    sys.exit(main())
