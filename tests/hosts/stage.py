"""The stage of a hosts run: which process runs on which host, and what can befall a host."""

import itertools
import subprocess
import sys
from collections import Counter
from functools import partial

from tests.faults.browser import Browser
from tests.faults.services import ends_with_us
from tests.faults.stage import ROOT, Stage
from tests.helpers.paper import PaperHandle
from tests.hosts.brokers import Brokers
from tests.hosts.cluster import Cluster
from tests.hosts.network import Network

WEBS, WORKERS, SWEEPS = ["web1", "web2"], ["work1", "work2", "work3"], ["sweep1", "sweep2"]
APPS = [*WEBS, *WORKERS, *SWEEPS]
DATABASES = ["db1", "db2", "db3"]
BROKER, EXCHANGE, CLIENT = Brokers.host, "exchange", "client"
WATCH = "watch"  # where the run itself is: none of its links is ever spoiled
HOSTS = [*APPS, *DATABASES, BROKER, EXCHANGE, CLIENT, WATCH]
ON = {"web": "web", "urgent": "work", "bulk": "work", "sweep": "sweep", "stream": "sweep"}
WEB_PORT, EXCHANGE_PORT = 8000, 8900
NURSERY = (sys.executable, "-m", "tests.faults.process")


def host_of(name):
    """The host of a process."""
    kind = name.rstrip("0123456789")
    return ON[kind] + name.removeprefix(kind)


class Hosts(Stage):
    """Everything in its place, until a host is lost or a link spoiled."""

    settings = "tests.hosts.settings"
    everybody = [
        *WEBS,
        *(f"{kind}{number}" for kind in ("urgent", "bulk") for number in (1, 2, 3)),
        *(f"{kind}{number}" for kind in ("sweep", "stream") for number in (1, 2)),
    ]

    def __init__(self, folder):
        self.lost, self._browsers = set(), []
        self.network = Network(HOSTS)
        try:
            self.network.enter(WATCH)
            super().__init__(folder)
        except BaseException:
            self.network.stop()
            raise

    def panic_desk(self, names=("P0", "P1")):
        """A desk whose books are emptied by panics, its operator and its accounts."""
        from orders.accounts import provisioning
        from orders.models import Role

        desk, _ = provisioning.add_desk(name="Panics")
        user, _ = provisioning.add_operator(
            name="paula", desk=desk, role=Role.OPERATOR, password="correct horse battery"
        )
        administrator = type(user).objects.get(username="admin")
        return desk, user, [self._account(name, desk, administrator) for name in names]

    def revive(self, names, arming=lambda name: {}):
        """Start again what has died, where its host stands."""
        super().revive([name for name in names if host_of(name) not in self.lost], arming)

    def lose(self, host):
        """The host is gone: nobody is told, and nothing of what ran there is left."""
        self.counts["host lost"] += 1
        self.counts["processes lost"] += self._living(host)
        self.lost.add(host)
        self.network.isolate(host, HOSTS)
        if host in DATABASES:
            self.database.lose(host)
        self.network.kill_all(host)

    def bring_back(self, host):
        """The host is there again, as after its boot."""
        self.network.rejoin(host, HOSTS)
        if host == BROKER:
            self.broker.start()
        elif host in DATABASES:
            self.database.rebuild(host)
        else:
            self._nurseries[host] = self._host_nursery(host)
        self.lost.discard(host)

    def promote(self):
        """A replica takes the place of the primary, which is lost."""
        from django.db import connection

        connection.close()  # the run's own, to what is lost
        self.database.promote()
        self.counts["promoted"] += 1

    def heal(self):
        """Every host is back and every link sound; a lost primary comes back as a replica."""
        if self.database.primary in self.lost:  # nobody got round to it
            self.promote()
        for host in sorted(self.lost):
            self.bring_back(host)
        for one, other in itertools.combinations(HOSTS, 2):
            self.network.mend(one, other)
        self.database.catch_up()
        self.database.synchronous(True)

    def run_on(self, host, program):
        """A Python program on a sender's host; what it prints is to be read from it."""
        return subprocess.Popen(
            self.network.within(host, sys.executable, "-c", program),
            env=self._env_of("senders"),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=self.log,
            preexec_fn=ends_with_us,
        )

    def swap_broker(self, kind):
        """Another broker; one host after the other is restarted with its address."""
        self.network.kill_all(BROKER)
        self.broker.swap(kind)
        self._env["CELERY_BROKER_URL"] = self.broker.url
        for host in APPS:
            self.counts["replaced"] += self._living(host)
            self.network.kill_all(host)
            self._nurseries[host] = self._host_nursery(host)
            self.revive([name for name in self.everybody if host_of(name) == host])
        self.counts[f"broker becomes {kind}"] += 1

    def stop(self):
        """End everything, and leave nothing."""
        for browser in self._browsers:
            browser.close()
        try:
            super().stop()
        finally:
            self.network.stop()

    def browser_of(self, user):
        """A person at the clients' host, who tries one web host after the other."""
        sites = [f"http://{self.network.address(host)}:{WEB_PORT}" for host in WEBS]
        self._browsers.append(Browser(sites, user, enter=partial(self.network.enter, CLIENT)))
        return self._browsers[-1]

    _browser = browser_of

    def _living(self, host):
        return sum(self.is_alive(name) for name in self.everybody if host_of(name) == host)

    def _bind(self, name):
        return f"0.0.0.0:{WEB_PORT}"

    def _start_nurseries(self):
        self._nurseries |= {host: self._host_nursery(host) for host in APPS}

    def _nursery_of(self, name):
        return self._nurseries[host_of(name)]

    def _host_nursery(self, host):
        env = self._env_of("web" if host in WEBS else "senders")
        return self._nursery(env, self.network.within(host, *NURSERY))

    def _services(self, shape):
        for name in ("databases", "broker"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o711)  # PostgreSQL is not root
        database = Cluster(self.network, DATABASES, self.folder / "databases")
        return database, Brokers(self.network, self.folder / "broker")

    def _environment(self):
        webs = ",".join(self.network.address(host) for host in WEBS)
        where = f"{self.network.address(EXCHANGE)}:{EXCHANGE_PORT}"
        return super()._environment() | {"ALLOWED_HOSTS": webs, "HOSTS_EXCHANGE": where}

    def _start_paper(self):
        argv = [sys.executable, "-m", "tests.hosts.exchange", str(EXCHANGE_PORT)]
        process = subprocess.Popen(
            self.network.within(EXCHANGE, *argv),
            env=self._bare(),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=self.log,
            preexec_fn=ends_with_us,
        )
        process.stdout.readline()
        return process, PaperHandle(EXCHANGE_PORT, self.network.address(EXCHANGE))


def cuts_and_deaths(counts: Counter) -> int:
    """How much was done to links and hosts in all."""
    ours = ("cut", "one-way", "delayed", "host lost", "frozen", "lagging")
    return sum(counts[name] for name in ours)
