"""What 200 bots that beat each second cost the web, and the people who click meanwhile.

    python -m benchmarks.beating [--bots 200] [--clicks 50] [--turns 3] [--latency-ms 25]
                                 [--through push|web] [--broker URL] [--database URL]

Each bot beats its own guard over HTTP with its desk's token, once a second, on a connection that it
keeps: at the process `push`, to which a proxy passes beats, or at the web, as without a proxy. By
turns nobody beats and all do, and in each turn so many clicks are made one after another. Told: the
click to its first byte at the exchange, idle and while they beat, whose p95 is to be at most 1.1
times the idle one; and the CPU of what takes the beats for one of them, in a turn without clicks,
to be at most 1 ms.
"""

import argparse
import http.client
import itertools
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks import stage
from benchmarks.browser import Browser
from desk.demo.stack import free_port, wait_for

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from orders.models import Order
    from tests.helpers.firm import Firm

TTL_S = 600
QUIET_S = 10
PAIRS = 20  # threads of bots: so many connections


def main() -> None:
    parser = stage.options(__doc__, bots=200, clicks=50, turns=3, latency_ms=25)
    parser.add_argument("--through", choices=("push", "web"), default="push")
    parser.add_argument("--beat", nargs=3, help="be the bots: the site, the token and the guards")
    given = parser.parse_args()
    if given.beat:
        _beat(*given.beat)
    else:
        _measure(given)


def _measure(given: argparse.Namespace) -> None:
    with stage.Stage(given) as site:
        firm = site.firm()
        orders = iter(firm.orders(given.clicks * given.turns * 2))
        guards, secret = _armed(firm, given.bots)
        site.paper.rules(latency_ms=given.latency_ms)
        site.start()
        door = _door(site, given.through)
        print(
            f"{given.bots} bots through {given.through}, {given.turns} turns of {given.clicks} "
            f"clicks each way, {given.latency_ms} ms exchange, {site.conditions()}",
            flush=True,
        )
        operator = Browser(site.site, "olivia")
        idle: list[float] = []
        busy: list[float] = []
        for _ in range(given.turns):
            idle += _clicked(site, operator, list(itertools.islice(orders, given.clicks)))
            bots = site.run("-m", "benchmarks.beating", "--beat", door, secret, guards)
            time.sleep(2)
            busy += _clicked(site, operator, list(itertools.islice(orders, given.clicks)))
            cost_ms, pace = _cost_of_a_beat(door)
            bots.terminate()
            bots.wait()
            print(f"{pace:.0f} beats a second, {cost_ms:.2f} ms of CPU each (at most 1)")
    print("click to first byte, nobody beats:", stage.told(idle))
    print("click to first byte, all beat:", stage.told(busy))
    ratio = stage.percentile(busy, 95) / stage.percentile(idle, 95)
    print(f"p95 of the two: {ratio:.2f} times (at most 1.1)")


def _door(site: stage.Stage, through: str) -> str:
    """Return the address at which the bots beat, once somebody listens there."""
    if through == "web":
        return site.site
    port = free_port()
    site.run("manage.py", "push", "--port", str(port))
    wait_for(door := f"http://127.0.0.1:{port}")
    return door


def _armed(firm: "Firm", count: int) -> tuple[str, str]:
    """Arm a guard for each bot; their ids, joined, and a token that may beat."""
    from benchmarks import silences
    from orders.panic.guard import arming
    from tests.helpers.tokens import new_token

    guards = [silences.guard(firm, f"bot-{n}", firm.account, ttl_s=TTL_S) for n in range(count)]
    for guard in guards:
        arming.arm(user=firm.operator, actor=firm.actor(), guard_id=guard.pk)
    return ",".join(str(guard.pk) for guard in guards), new_token(firm, "guard")[1]


def _clicked(site: stage.Stage, operator: Browser, orders: "list[Order]") -> list[float]:
    """Click on each, with a pause between; ms to the exchange."""
    clicked: dict[int, float] = {}
    for order in orders:
        clicked[order.order_id] = operator.click(order.pk)
        time.sleep(0.1)
    return stage.to_first_byte(site.paper, clicked)


def _cost_of_a_beat(door: str) -> tuple[float, float]:
    """Return ms of CPU of what takes a beat while nobody clicks, and beats a second."""
    from django.db.models import Sum

    from orders.models import Guard

    def heard() -> int:
        return int(Guard.objects.aggregate(all=Sum("beat_no"))["all"])

    before, cpu_s, began = heard(), _cpu_s_of(door), time.monotonic()
    time.sleep(QUIET_S)
    beats = heard() - before
    used_ms = (_cpu_s_of(door) - cpu_s) * 1000
    return used_ms / max(1, beats), beats / (time.monotonic() - began)


def _cpu_s_of(door: str) -> float:
    """Return the seconds of CPU that the processes behind this address used."""
    ticks, port = os.sysconf("SC_CLK_TCK"), str(urlsplit(door).port)
    stats = [path.read_text() for path in Path("/proc").glob("[0-9]*/stat") if _is_at(path, port)]
    return sum(sum(map(int, stat.rpartition(")")[2].split()[11:13])) for stat in stats) / ticks


def _is_at(path: Path, port: str) -> bool:
    """Whether this process was started to listen there."""
    command = path.parent / "cmdline"
    words = command.read_text().split("\0") if path.exists() else []
    return port in words or f"127.0.0.1:{port}" in words


def _beat(site: str, secret: str, guards: str) -> None:
    """Be the bots, until terminated."""
    ids = guards.split(",")
    for first in range(PAIRS):
        group = ids[first::PAIRS]
        threading.Thread(target=_bots, args=(site, secret, group, first / PAIRS)).start()


def _bots(site: str, secret: str, ids: list[str], late_s: float) -> None:
    """Beat for each of these guards once a second, evenly spread."""
    door = http.client.HTTPConnection(urlsplit(site).netloc, timeout=30)
    bearer = {"Authorization": f"Bearer {secret}"}
    due_s = time.monotonic() + late_s / len(ids)
    for pk in itertools.cycle(ids):
        time.sleep(max(0, due_s - time.monotonic()))
        due_s += 1 / len(ids)
        door.request("POST", f"/api/v1/guards/{pk}/beat", headers=bearer)
        door.getresponse().read()


if __name__ == "__main__":
    main()
