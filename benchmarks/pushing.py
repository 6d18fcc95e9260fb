"""Pages that follow: `python -m benchmarks.pushing`.

Starts gunicorn, the push process, a worker and the sweep beside a paper exchange, and prints: from
the commit of a record to the order's cell at an open page, over HTTP; the same with 200 people and
20 changes a second; CPU of the push process with 200 idle pages; the list while 50 people reload it
every 10 s; memory and threads of the push process by the number of pages; from a click to
*Cancelled* in the page itself and in another tab of a real browser, and the requests and bytes of a
running job's page in ten seconds, with the stream and without. What asks a browser needs chromium.
"""

import asyncio
import json
import os
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from benchmarks import push_browser, stage
from desk.demo.stack import free_port

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from orders.models import Order
    from tests.helpers.firm import Firm

RELOADING = 50  # people
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Set the stage and tell each figure."""
    given = stage.options(__doc__, events=100, people=200, seconds=10, most=2000).parse_args()
    port = free_port()
    with stage.Stage(given, EVENTS_PORT=port, CREDITS_KEYLESS=10**6, CREDITS_READ=0) as desk:
        firm = desk.firm()
        orders = firm.orders(500)
        push = desk.run("manage.py", "push", "--port", str(port))
        desk.start()
        print(desk.conditions(), "+ push")
        followed = Followed(port, push.pid)
        _tell_events(followed, firm, orders, given.events)
        _tell_idle(followed, firm, given.people, given.seconds)
        _tell_lists(desk, firm)
        _tell_crowd(followed, firm, orders, given.people, given.seconds)
        _tell_memory(followed, firm, given.most)
        if push_browser.CHROMIUM:
            push_browser.tell(desk, firm)


class Followed:
    """The push process: its port and what it takes."""

    def __init__(self, port: int, pid: int) -> None:
        self.port, self.pid = port, pid
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def cpu_s(self) -> float:
        """Return the CPU seconds that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def status(self, name: str) -> int:
        """Return a number of its status: VmRSS in KB, Threads."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in text.splitlines() if line.startswith(name)).split()[1])

    async def open(self, key: str) -> asyncio.StreamReader:
        """Open a stream by a session key, and wait until it stands."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = ("GET /events HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Cookie: sessionid={key}")
        writer.write("\r\n".join((*lines, "", "")).encode())
        await reader.readuntil(b"event: hello")
        reader.writer = writer  # type: ignore[attr-defined]  # kept open as long as it is read
        return reader


def _keys(firm: "Firm", count: int) -> list[str]:
    """Return session keys of so many people of one desk, each their own."""
    from django.contrib.auth import get_user_model

    from orders.models import Membership, Role
    from tests.helpers.screens import signed_in

    people = get_user_model().objects
    for number in range(count):
        user, _ = people.get_or_create(username=f"person{number}")
        Membership.objects.get_or_create(
            user=user, desk=firm.momentum, defaults={"role": Role.OPERATOR}
        )
    users = people.filter(username__in=[f"person{number}" for number in range(count)])
    return [str(signed_in(user).session.session_key) for user in users]


def _record(orders: "list[Order]", number: int) -> float:
    """Record a change of one order; return when it was committed, in seconds."""
    from orders.audit import log
    from orders.models import Event

    order = orders[number % len(orders)]
    line = log.OrderLine(order.account_id, order.symbol, order.order_id, data=f'"{number}"')
    log.record(log.Fact(Event.SYNC, account=order.account, lines=(line,)))
    return time.perf_counter()


def _tell_events(followed: Followed, firm: "Firm", orders: "list[Order]", count: int) -> None:
    took = asyncio.run(_events(followed, _keys(firm, 1), orders, count, every_s=0.13))
    print(f"commit -> cell at one page: {stage.told(took)}")


def _tell_crowd(
    followed: Followed, firm: "Firm", orders: "list[Order]", people: int, seconds: int
) -> None:
    keys, before = _keys(firm, people), followed.cpu_s()
    took = asyncio.run(_events(followed, keys, orders, seconds * 20, every_s=0.05))
    used = followed.cpu_s() - before
    print(f"{people} people, 20 changes a second: commit -> cell at each page: {stage.told(took)}")
    print(f"  the push process took {used / seconds:.2f} of a core, connecting included; web: none")


async def _events(
    followed: Followed, keys: list[str], orders: "list[Order]", count: int, every_s: float
) -> list[float]:
    """Return the milliseconds from each commit to each page that was told."""
    readers = [await followed.open(key) for key in keys]
    seen: list[dict[str, float]] = [{} for _ in readers]
    reading = [asyncio.create_task(_read(*pair)) for pair in zip(readers, seen, strict=True)]
    at: dict[str, float] = {}
    for number in range(count):
        order = orders[number % len(orders)]
        name = f"{order.account_id}-{order.order_id}"
        for cells in seen:
            cells.pop(name, None)
        at[name] = await asyncio.to_thread(_record, orders, number)
        await asyncio.sleep(every_s)
    await asyncio.sleep(1)
    for task in reading:
        task.cancel()
    for reader in readers:
        reader.writer.close()  # type: ignore[attr-defined]
    return [(cells[name] - at[name]) * 1000 for cells in seen for name in at]


async def _read(reader: asyncio.StreamReader, seen: dict[str, float]) -> None:
    """Note when each order's cell was told."""
    while line := await reader.readline():
        now = time.perf_counter()
        if line.startswith(b"data: ") and len(line) > 20:
            data: dict[str, Any] = json.loads(line[6:])
            for name in [*data.get("rows", {}), *data.get("orders", [])]:
                seen.setdefault(name, now)


def _tell_idle(followed: Followed, firm: "Firm", people: int, seconds: int) -> None:
    async def idle() -> float:
        readers = [await followed.open(key) for key in _keys_in_thread]
        await asyncio.sleep(3)
        before = followed.cpu_s()
        await asyncio.sleep(seconds * 2)
        used = followed.cpu_s() - before
        for reader in readers:
            reader.writer.close()  # type: ignore[attr-defined]
        return used / (seconds * 2)

    _keys_in_thread = _keys(firm, people)
    print(f"{people} idle pages: {100 * asyncio.run(idle()):.1f} % of a core in the push process")


def _tell_lists(desk: stage.Stage, firm: "Firm") -> None:
    keys, every_s = _keys(firm, RELOADING), 10.0
    began = time.monotonic()
    with ThreadPoolExecutor(RELOADING) as pool:
        late = [every_s * number / RELOADING for number in range(RELOADING)]
        took = list(pool.map(lambda *of: _reloaded(desk.site, began, every_s, *of), keys, late))
    print(f"the list, reloaded by {RELOADING} people: {stage.told(list(chain(*took)))}")


def _reloaded(site: str, began: float, every_s: float, key: str, late_s: float) -> list[float]:
    """Reload the list three times, so much apart; the milliseconds of each."""
    took = []
    with requests.Session() as person:
        person.cookies["sessionid"] = key
        for turn in range(3):
            time.sleep(max(0.0, began + late_s + turn * every_s - time.monotonic()))
            asked = time.perf_counter()
            person.get(f"{site}/admin/orders/order/", timeout=30).raise_for_status()
            took.append((time.perf_counter() - asked) * 1000)
    return took


def _tell_memory(followed: Followed, firm: "Firm", most: int) -> None:
    async def grow() -> None:
        before, readers = followed.status("VmRSS"), []
        connections = await asyncio.to_thread(_connections)
        for number in range(most):
            readers.append(await followed.open(keys[number % len(keys)]))
            if number + 1 in {1000, most}:
                await asyncio.sleep(1)
                each = (followed.status("VmRSS") - before) / (number + 1)
                threads = followed.status("Threads")
                more = await asyncio.to_thread(_connections) - connections
                print(
                    f"{number + 1} pages: {each:.1f} KB each, {threads} threads, "
                    f"{more} more database connections"
                )
        for reader in readers:
            reader.writer.close()  # type: ignore[attr-defined]

    keys = _keys(firm, -(-most // 20))
    asyncio.run(grow())


def _connections() -> int:
    """Return how many connections the whole site has to PostgreSQL; 0 on SQLite, which has none."""
    from django.db import connection

    if connection.vendor == "sqlite":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        count: int = cursor.fetchone()[0]
    return count


if __name__ == "__main__":
    main()
