"""The hosts' network: namespaces of this run's own, and what is done to the links between them."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.faults.services import ends_with_us
from tests.hosts.switch import CUT, address_of

NAMESPACES = Path("/run/netns")
PREFIX = "pdhosts"
CLONE_NEWNET = 0x40000000
# A host that is lost does not come back and tell what it had open: it was booted since.
FORGETS = "/proc/sys/net/ipv4/tcp_orphan_retries"
LIBC = ctypes.CDLL(None, use_errno=True)


class Network:
    """Hosts by name, each in a namespace; every direction of every link can be cut or delayed."""

    def __init__(self, hosts):
        self.numbers = {name: number for number, name in enumerate(hosts, 1)}
        remove_leftovers()
        self._spaces = {name: f"{PREFIX}{os.getpid()}-{name}" for name in hosts}
        self._switch = None
        try:
            for space in self._spaces.values():
                _ip("netns", "add", space)
                _ip("netns", "exec", space, "sh", "-c", f"echo 1 > {FORGETS}")
            self._switch = self._start_switch()
        except BaseException:
            self.stop()
            raise

    def address(self, host):
        """Where the host is."""
        return address_of(self.numbers[host])

    def within(self, host, *command):
        """The command that runs this command on the host, under the host's own name."""
        space = self._spaces[host]
        rename = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host]
        return ["ip", "netns", "exec", space, *rename, *command]

    def enter(self, host):
        """Have this thread, and what it starts, live on the host."""
        with (NAMESPACES / self._spaces[host]).open() as file:
            if LIBC.setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")

    def cut(self, one, other):
        """Nothing passes from one to the other; the way back is not touched."""
        self._order(one, other, CUT)

    def delay(self, one, other, seconds):
        """All that passes from one to the other is so late."""
        self._order(one, other, seconds)

    def mend(self, one, other):
        """The link is sound in both directions."""
        self._order(one, other, 0)
        self._order(other, one, 0)

    def isolate(self, host, others):
        """Cut the host off from these, in both directions."""
        for other in others:
            if other != host:
                self.cut(host, other)
                self.cut(other, host)

    def rejoin(self, host, others):
        """Undo `isolate`."""
        for other in others:
            if other != host:
                self.mend(host, other)

    def kill_all(self, host):
        """kill -9 of all that runs on the host."""
        self.signal_all(host, signal.SIGKILL)

    def signal_all(self, host, number):
        """A signal to all that runs on the host."""
        _signal_all(self._spaces[host], number)

    def stop(self):
        """Take all of it away, with what still runs there."""
        for space in self._spaces.values():
            _remove(space)
        if self._switch is not None:
            self._switch.kill()
            self._switch.wait()

    def _order(self, one, other, delay_s):
        told = {"from": self.numbers[one], "to": self.numbers[other], "delay_s": delay_s}
        self._switch.stdin.write(json.dumps(told) + "\n")
        self._switch.stdin.flush()
        if self._switch.stdout.readline() != "done\n":
            raise RuntimeError("The switch has died.")

    def _start_switch(self):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.hosts.switch", *self._spaces.values()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=ends_with_us,
        )
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("The switch could not be plugged in.")
        return process


def why_not():
    """Why this machine cannot hold such a network, in a sentence; "" where it can."""
    if os.geteuid():
        return "Network namespaces need root."
    if not Path("/dev/net/tun").exists():
        return "There is no /dev/net/tun."
    probe = f"{PREFIX}{os.getpid()}-probe"
    try:
        _ip("netns", "add", probe)
        _ip("-n", probe, "tuntap", "add", "dev", "probe0", "mode", "tap")
    except FileNotFoundError:
        return "iproute2 (`ip`) is missing."
    except subprocess.CalledProcessError as error:
        return f"Network namespaces cannot be made here: {error.stderr.strip()}."
    finally:
        with suppress(FileNotFoundError):
            _remove(probe)
    return ""


def remove_leftovers():
    """Take away what runs left behind that were killed: namespaces, what runs there, folders."""
    for path in filter(_is_orphaned, NAMESPACES.glob(f"{PREFIX}*")):
        _remove(path.name)
    for path in filter(_is_orphaned, Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def own_folder():
    """A folder for as long as the run lasts; also where it is told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as folder:
        yield folder


def _is_orphaned(path):
    owner = path.name.removeprefix(PREFIX).partition("-")[0]
    return not Path(f"/proc/{owner}").exists()


def _remove(space):
    if not (NAMESPACES / space).exists():
        return
    with suppress(subprocess.CalledProcessError):
        _signal_all(space, signal.SIGKILL)
        _ip("netns", "delete", space)


def _signal_all(space, number):
    for pid in _ip("netns", "pids", space).split():
        if int(pid) != os.getpid():
            with suppress(ProcessLookupError):
                os.kill(int(pid), number)


def _ip(*words):
    done = subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
    return done.stdout
