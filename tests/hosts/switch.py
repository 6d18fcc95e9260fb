"""The switch between the hosts of a run: ``python -m tests.hosts.switch NAMESPACE…``.

Each namespace has one TAP device; all of them end here. Host n has the hardware address that ends
in n, so a frame names the host it is for. Each line on standard input is an order: ``{"from": n,
"to": n, "delay_s": seconds, or null for a cut}``. A cut says nothing to either side, as a pulled
cable or a firewall does. Each order is answered by a line once it holds.
"""

import fcntl
import heapq
import json
import os
import select
import struct
import subprocess
import sys
import time
from contextlib import suppress

TUNSETIFF = 0x400454CA
TAP_WITHOUT_HEADER = 0x1002  # IFF_TAP | IFF_NO_PI
LARGEST = 65_536
AT_ONCE = 32  # frames of one host before the others have their turn
MTU = 16_000  # few large frames cost less than many small ones
CUT = None


def address_of(number: int) -> str:
    """The address of a host."""
    return f"10.77.0.{number}"


def hardware_of(number: int) -> str:
    """The hardware address of a host."""
    return f"02:00:00:00:00:{number:02x}"


class Switch:
    """Passes frames on, as each direction of each link allows. ``ports``: open TAPs by host."""

    def __init__(self, ports: dict[int, int]) -> None:
        self.ports, self.links = ports, {}
        self.late: list[tuple[float, int, int, bytes]] = []
        self.count = 0

    def order(self, source: int, target: int, delay_s: float | None) -> None:
        """From now on this direction is cut, or takes so long; 0: as good as none."""
        self.links[source, target] = delay_s

    def take(self, source: int) -> None:
        """Pass on what this host has sent."""
        for _ in range(AT_ONCE):
            try:
                frame = os.read(self.ports[source], LARGEST)
            except (BlockingIOError, OSError):  # no more, or its device is down
                return
            if frame[0] == 2:  # to one host; there is no broadcast here
                self.forward(source, frame[5], frame)

    def forward(self, source: int, target: int, frame: bytes) -> None:
        """Deliver now, later or never."""
        delay_s = self.links.get((source, target), 0)
        if delay_s:
            self.count += 1
            heapq.heappush(self.late, (time.monotonic() + delay_s, self.count, target, frame))
        elif delay_s is not CUT:
            self.deliver(target, frame)

    def deliver(self, target: int, frame: bytes) -> None:
        """Hand it to the host; one that cannot take it loses it, as a wire would."""
        with suppress(KeyError, OSError):
            os.write(self.ports[target], frame)

    def deliver_late(self) -> float:
        """Hand over what was held back long enough; ms until the next, -1 for none."""
        while self.late and self.late[0][0] <= time.monotonic():
            _, _, target, frame = heapq.heappop(self.late)
            self.deliver(target, frame)
        return max(0, (self.late[0][0] - time.monotonic()) * 1000) if self.late else -1


def serve(switch: Switch) -> None:
    """Pass frames on and follow orders until the input ends."""
    poll, hosts = select.epoll(), {fd: number for number, fd in switch.ports.items()}
    for fd in [*hosts, sys.stdin.fileno()]:
        poll.register(fd, select.EPOLLIN)
    while True:
        wait_ms = switch.deliver_late()
        for fd, _ in poll.poll(wait_ms / 1000 if wait_ms >= 0 else -1):
            if fd in hosts:
                switch.take(hosts[fd])
            elif not _obey(switch):
                return


def _obey(switch: Switch) -> bool:
    line = sys.stdin.readline()
    if line:
        told = json.loads(line)
        switch.order(told["from"], told["to"], told["delay_s"])
        print("done", flush=True)
    return bool(line)


def plug(namespace: str, number: int, hosts: int) -> int:
    """Give the namespace its one device, with every other host's address; the device's TAP."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    device = f"hosts{os.getpid()}.{number}"[-15:]
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", device.encode(), TAP_WITHOUT_HEADER))
    ip("link", "set", device, "netns", namespace)
    lines = [f"link set {device} name eth0 address {hardware_of(number)} mtu {MTU}"]
    lines += [f"addr add {address_of(number)}/24 dev eth0", "link set lo up", "link set eth0 up"]
    others = [other for other in range(1, hosts + 1) if other != number]
    lines += [
        f"neigh replace {address_of(other)} lladdr {hardware_of(other)} dev eth0 nud permanent"
        for other in others
    ]
    ip("-n", namespace, "-batch", "-", told="\n".join(lines))
    return fd


def ip(*words: str, told: str | None = None) -> None:
    """Run iproute2."""
    subprocess.run(["ip", *words], input=told, text=True, check=True, capture_output=True)


def main() -> None:
    """Plug every namespace in, say so, and serve."""
    names = sys.argv[1:]
    ports = {number: plug(name, number, len(names)) for number, name in enumerate(names, 1)}
    print("ready", flush=True)
    serve(Switch(ports))


if __name__ == "__main__":
    main()
