"""The short hosts run: ``python -m tests.hosts.scenes``. One thing after the other goes wrong.

In each scene somebody clicks or pulls a panic meanwhile; how long it took is printed. At the end
the three logs must agree. Ends with 1 where something does not hold, with 2 where this machine
cannot hold such a run.
"""

import sys
import time
import uuid
from collections import Counter
from urllib.request import urlopen

from tests.faults.browser import Act
from tests.faults.run import judged
from tests.hosts.network import own_folder
from tests.hosts.run import set_up, why_not
from tests.hosts.stage import BROKER, EXCHANGE, HOSTS, SWEEPS, WEB_PORT, WEBS, WORKERS, Hosts

PATIENCE_S = 60
QUEUES = ("urgent", "bulk")  # a worker of each on every host of workers
FORGOTTEN_S = 2  # until a host that lost its processes knows nothing of their connections
HOLDER = """
import time, django
django.setup()
from django.db import transaction
from orders.audit import log
from orders.models import advisory_lock
with transaction.atomic():
    advisory_lock.hold(log.CHAIN_LOCK)
    print("held", flush=True)
    time.sleep(600)
"""

TERMINAL = """
import django
django.setup()
from django.core.management import call_command
call_command("panic", desk="Panics", operator="paula", reason="no web")
"""


class Scenes:
    """What goes wrong, each as one method; ``slow`` tells which took longer than it may."""

    def __init__(self, run):
        self.run, self.stage, self.links = run, run.stage, run.stage.network
        self.slow = []

    @property
    def primary(self):
        """The host with the database."""
        return self.stage.database.primary

    def play(self, scene, limit_s):
        """One scene; afterwards all is sound again."""
        took_s = scene()
        print(f"{took_s:6.2f} s  {scene.__doc__}", flush=True)
        if took_s > limit_s:
            self.slow.append(f"slow: {took_s:.1f} s, {scene.__doc__}")
        self.stage.broker.thaw()
        self.stage.heal()
        self.settle()

    def settle(self):
        """All webs answer and all workers listen: no scene is timed while they start."""
        self.stage.revive(self.stage.everybody)
        if not self._until(lambda: self._all_workers_listen() and all(map(self._answers, WEBS))):
            self.slow.append(f"not ready within {PATIENCE_S} s")

    def all(self):
        """Every scene, with the seconds that it may take."""
        self.settle()
        self.play(self.sound, 3)
        self.play(self.cut, 8)
        self.play(self.one_way, 15)
        self.play(self.delayed, 10)
        self.play(self.host_lost, 15)
        self.play(self.no_web, 25)
        self.play(self.holder_vanishes, 20)
        self.play(self.broker_hangs, 10)
        self.play(self.broker_half_open, 30)
        self.play(self.promoted, 25)
        self.play(self.lagging, 60)

    def sound(self):
        """a click, while all is sound"""
        return self.click()

    def cut(self):
        """a click, while no worker reaches the broker"""
        for host in WORKERS:
            self.links.cut(host, BROKER)
            self.links.cut(BROKER, host)
        return self.click()

    def one_way(self):
        """a click, while the database's answers reach neither web1 nor sweep1"""
        for host in (WEBS[0], SWEEPS[0]):
            self.links.cut(self.primary, host)
        return self.click()

    def delayed(self):
        """a click, while all of work1, sweep1 and the exchange is 200 ms away"""
        for host in (WORKERS[0], SWEEPS[0], self.primary):
            self.links.delay(host, EXCHANGE, 0.2)
            self.links.delay(EXCHANGE, host, 0.2)
        return self.click()

    def host_lost(self):
        """a panic, while sweep1 and web1 are lost"""
        self.stage.lose(SWEEPS[0])
        self.stage.lose(WEBS[0])
        return self.panic("sweep1 and web1 are lost")

    def no_web(self):
        """a panic from the terminal of work1, while both web hosts are lost"""
        for host in WEBS:
            self.stage.lose(host)
        begun, panics = time.monotonic(), self.run.panics
        panics.count += 1
        terminal = self.stage.run_on(WORKERS[0], TERMINAL)
        self.panicked()
        took_s = time.monotonic() - begun
        terminal.wait()
        return took_s

    def holder_vanishes(self):
        """a click, after work3 vanished in the midst of a transaction that holds the log"""
        holder = self.stage.run_on(WORKERS[2], HOLDER)
        holder.stdout.readline()
        self.links.isolate(WORKERS[2], HOSTS)
        self.stage.counts["cut"] += 1
        took_s = self.click()
        holder.kill()
        holder.wait()
        return took_s

    def broker_hangs(self):
        """a click, while the broker takes connections and answers none"""
        self.stage.counts["frozen"] += 1
        self.stage.broker.freeze()
        return self.click()

    def broker_half_open(self):
        """until all workers listen again to a broker that was lost while they were cut off"""
        self.links.isolate(BROKER, WORKERS)
        self.stage.counts["cut"] += 1
        self.stage.broker.kill()
        time.sleep(FORGOTTEN_S)
        self.stage.broker.start()
        for host in WORKERS:
            self.links.mend(host, BROKER)
        begun = time.monotonic()
        self._until(self._all_workers_listen)
        return time.monotonic() - begun

    def promoted(self):
        """a panic, asked as the primary is lost; a replica is promoted after 2 s"""
        self.stage.lose(self.primary)
        begun = time.monotonic()
        self.run.panics.ask("the primary is lost")
        time.sleep(2)
        self.stage.promote()
        self.panicked()
        return time.monotonic() - begun

    def lagging(self):
        """until a replica that lagged behind was promoted, held back, accepted, and a click went"""
        self.run.copies.take()
        self.click()
        self.run.collect()  # it was acknowledged, and is lost with the primary
        begun = time.monotonic()
        self.run.copies.put_back(self.run.administrator)
        self.click()
        return time.monotonic() - begun

    def click(self):
        """Seconds from the click on one order until the exchange has the request."""
        account = self.run.accounts[0]
        (order_id,) = self.stage.paper.orders(account.address, 1)
        asked = Act(account.pk, ((order_id, "order"),), str(uuid.uuid4()))
        begun = time.monotonic()
        answer = self.stage.browser.ask(asked)
        self.run.waiting.append((asked, answer))
        self._until(answer.done)
        self._until(lambda: not self.stage.paper.truth(account.address)[order_id]["is_open"])
        return time.monotonic() - begun

    def panic(self, what):
        """Seconds from the pull until the exchange has cancel-all for every account."""
        begun = time.monotonic()
        self.run.panics.ask(what)
        self.panicked()
        return time.monotonic() - begun

    def panicked(self):
        """Wait until the exchange has as many cancel-alls as were asked for."""
        wanted = self.run.panics.count * len(self.run.panics.accounts)
        self._until(lambda: len(self.stage.paper.requests("/orders/cancel_all")) >= wanted)

    def _all_workers_listen(self):
        hosts = Counter(self.stage.broker.listeners())
        return all(hosts[self.links.address(host)] >= len(QUEUES) for host in WORKERS)

    def _answers(self, web):
        try:
            urlopen(f"http://{self.links.address(web)}:{WEB_PORT}/health/live", timeout=2).close()
        except OSError:
            return False
        return True

    def _until(self, holds):
        ends_at = time.monotonic() + PATIENCE_S
        while not (held := holds()) and time.monotonic() < ends_at:
            time.sleep(0.02)
        return held


def prove(folder):
    """Play, check, and return (figures, findings)."""
    stage = Hosts(folder)
    try:
        run, had_right = set_up(stage, seed=0)
        scenes = Scenes(run)
        scenes.all()
        run.finish()
        shown, findings = judged(run, had_right=had_right)
        more = run.panics.findings(stage.paper.ledger(), stage.paper.truth())
        return shown, [*findings, *more, *scenes.slow]
    finally:
        stage.stop()


def main():
    """Play, print."""
    if said := why_not():
        print(f"Cannot run. {said}", file=sys.stderr)
        return 2
    with own_folder() as folder:
        shown, findings = prove(folder)
    print(f"{shown['cancels']} cancels: {shown['outcomes']}, {len(findings)} findings")
    for finding in findings:
        print(finding)
    return 1 if findings or not shown["came_to_rest"] else 0


if __name__ == "__main__":
    sys.exit(main())
