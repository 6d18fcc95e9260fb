"""One fault run: ``python -m tests.faults.run --seed 1 --cancels 10000 --minutes 20``.

Real processes against the paper exchange, a random schedule of faults, kills and freezes drawn
from the seed, then a check that operators' intents, our log and the exchange's ledger agree. Ends
with 1 where they do not, and prints the figures either way.
"""

import argparse
import json
import random
import sys
import tempfile
import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.stage import Stage

REQUEST_FAULTS = [
    {"kind": "drop"},
    {"kind": "drop", "reset": True},
    {"kind": "apply_then_drop"},
    {"kind": "apply_then_drop", "reset": True},
    {"kind": "status", "status": 504, "applied": True},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 502, "body": "<html>oops</html>", "content_type": "text/html"},
    {"kind": "status", "status": 200, "body": '{"success":"true"}', "applied": True},
    {"kind": "status", "status": 429},
    {"kind": "delay_before", "delay_ms": 900},
    {"kind": "delay_after", "delay_ms": 900},
    {"kind": "drip", "chunk_bytes": 1, "interval_ms": 40},
    {"kind": "huge", "size": 2_000_000},
    {"kind": "late", "delay_ms": 900, "hold_ms": 2000},
    {"kind": "fill_first"},
]
READ_FAULTS = [{"kind": "status", "status": 500}, {"kind": "drop"}, {"kind": "delay_after"}]
READS = ["/orders", "/orders/history", "/orders/history_by_id"]
SENDERS = ["worker1", "worker2", "sweep1", "sweep2"]
ROUND_S = 6.0
WAVE = 150
PATIENCE_S = 6.0  # with a desk that does not answer; then the same act is asked again


class Run:
    """The whole of one run."""

    def __init__(self, stage, *, rng, cancels, seconds):
        self.stage, self.rng = stage, rng
        self.left, self.ends_at = cancels, time.monotonic() + seconds
        self.waiting, self.asked_at = {}, {}
        self.intents, self.stale_until = [], []
        self.healthy_at, self.order_ids, self.doomed = [], [], []

    def go(self, accounts):
        """Waves of orders and intents with faults, until enough was asked or time is up."""
        self.accounts = accounts
        for name in [*SENDERS, "desk"]:
            self.stage.start(name)
        while self.left > 0 and time.monotonic() < self.ends_at:
            self._round()
        return self._come_to_rest()

    def _round(self):
        self._break_things()
        self._submit()
        ends_at = time.monotonic() + ROUND_S
        while time.monotonic() < ends_at:
            self._mischief()
            self._collect()
            time.sleep(0.15)
        self.stage.paper.disarm()
        self.healthy_at.append(time.time())
        self._collect()

    def _break_things(self):
        paper, rng = self.stage.paper, self.rng
        for _ in range(rng.randint(2, 5)):
            fault = dict(rng.choice(REQUEST_FAULTS))
            route = rng.choice(["/orders/cancel", "/orders/batch", "/orders/batch"])
            paper.fault(route, fault.pop("kind"), times=rng.randint(1, 12), **fault)
        if rng.random() < 0.5:
            fault = dict(rng.choice(READ_FAULTS))
            paper.fault(rng.choice(READS), fault.pop("kind"), times=rng.randint(1, 5), **fault)
        if rng.random() < 0.25:
            history = rng.random() < 0.5
            paper.fault("*", "stale_reads", for_ms=rng.randint(1000, 20_000), history=history)
            self.stale_until.append((time.time(), time.time() + 22))

    def _submit(self):
        for account in self.rng.sample(self.accounts, 3):
            count = min(self.left, self.rng.choice([1, 12, 60, WAVE]))
            if not count:
                return
            ids = self.stage.paper.orders(account.address, count)
            ids += [28_900_000_000 + len(self.order_ids)] if self.rng.random() < 0.1 else []
            self.doomed += self.rng.sample(ids, max(1, len(ids) // 12))
            self.order_ids += ids
            self.left -= count
            key = str(uuid.UUID(int=self.rng.getrandbits(128)))
            intent = {"key": key, "operator": "olivia", "account_id": account.pk, "symbol": "BTC"}
            self.waiting[key] = intent | {"order_ids": ids}
            self._ask(self.waiting[key])

    def _mischief(self):
        rng, stage = self.rng, self.stage
        chance = rng.random()
        if chance < 0.06:
            stage.kill(rng.choice([*SENDERS, "desk"]))
        elif chance < 0.065:
            stage.freeze(rng.choice(SENDERS), for_s=rng.choice([3, 40]))
        elif chance < 0.085:
            stage.flush_broker()
        elif chance < 0.11:
            stage.repeat_messages()
        elif chance < 0.30 and self.doomed:
            self._by_another_hand(self.doomed.pop())
        stage.keep_alive(is_deadly=True)

    def _by_another_hand(self, order_id):
        act = self.rng.choice(["fill", "trade", "close", "edit"])
        paper = self.stage.paper
        try:
            if act == "fill":
                paper.fill(order_id)
            elif act == "trade":
                paper.fill(order_id, "0.01")
            else:
                getattr(paper, act)(order_id)
        except ValueError:
            return  # it is closed by now

    def _collect(self):
        """Take acknowledgements; what a dead desk left unanswered is asked again, the same act."""
        while not self.stage.answers.empty():
            answer = self.stage.answers.get()
            intent = self.waiting.pop(answer["key"], None)
            if intent is not None:
                self.intents += [(intent["account_id"], i) for i in answer.get("recorded", ())]
        for key, intent in self.waiting.items():
            if time.monotonic() - self.asked_at.get(key, 0) > PATIENCE_S:
                self._ask(intent)

    def _ask(self, intent):
        self.asked_at[intent["key"]] = time.monotonic()
        self.stage.ask(intent)

    def _come_to_rest(self, patience_s=150):
        from orders.models import Cancel
        from orders.models.cancels import LIVE

        self.stage.paper.disarm()
        ends_at = time.monotonic() + patience_s
        while time.monotonic() < ends_at:
            self.stage.keep_alive(is_deadly=False)
            self._collect()
            if not self.waiting and not Cancel.objects.filter(status__in=LIVE).exists():
                return True
            time.sleep(0.5)
        return False


def figures(run, stage, findings, is_at_rest):
    """What the run showed, as plain values."""
    from orders.models import AuditRecord, AuditRecordOrder, Cancel, CancelStatus, Event

    cancels = Cancel.objects.all()
    lost = AuditRecordOrder.objects.filter(record__event=Event.SENDER_LOST).values("cancel_id")
    unanswered = cancels.filter(has_unanswered=True)
    times = sorted(settling_times(run, unanswered.exclude(pk__in=lost)))
    after_loss = sorted(
        round((one.concluded_at - one.first_sent_at).total_seconds(), 2)
        for one in unanswered.filter(pk__in=lost).exclude(concluded_at=None)
    )
    kinds = Counter(finding.split(":")[0] for finding in findings)
    return {
        "cancels": cancels.count(),
        "acknowledged": len(run.intents),
        "outcomes": dict(Counter(cancels.values_list("status", flat=True))),
        "kills": stage.kills,
        "deaths": stage.deaths,
        "unanswered": cancels.filter(has_unanswered=True).count(),
        "sender_lost": AuditRecord.objects.filter(event=Event.SENDER_LOST).count(),
        "came_to_rest": is_at_rest,
        "still_open": list(
            cancels.exclude(next_check_at=None)
            .filter(status__in=[CancelStatus.UNKNOWN, CancelStatus.SETTLING])
            .values_list("order_id", "explanation")[:10]
        ),
        "settled_after_health_s": spread(times),
        "interrupted_and_settled_s": spread(after_loss),
        "findings": dict(kinds),
    }


def spread(times):
    """Count, median, 99th percentile and maximum of sorted seconds."""
    if not times:
        return {"count": 0}
    ranks = {"p50": len(times) // 2, "p99": int(len(times) * 0.99), "max": -1}
    return {"count": len(times)} | {name: times[rank] for name, rank in ranks.items()}


def settling_times(run, cancels):
    """Seconds from when the exchange was well again to the outcome; stale reads left out."""
    for cancel in cancels.exclude(status="not_found").exclude(concluded_at=None):
        asked, ended = cancel.first_sent_at, cancel.concluded_at
        if asked is None or any(
            since <= ended.timestamp() and asked.timestamp() <= until
            for since, until in run.stale_until
        ):
            continue
        healthy = [at for at in run.healthy_at if at >= asked.timestamp()]
        if healthy:
            well_at = datetime.fromtimestamp(healthy[0], UTC)
            yield round(max(0.0, (ended - max(asked, well_at)).total_seconds()), 2)


def prove(*, seed, cancels, seconds, folder, database_url=""):
    """Run, check, and return (figures, findings)."""
    rng = random.Random(seed)
    stage = Stage(folder, rng=rng, database_url=database_url)
    try:
        desk, user, accounts = stage.set_up(accounts=4)
        run = Run(stage, rng=rng, cancels=cancels, seconds=seconds)
        is_at_rest = run.go(accounts)
        from tests.faults import checker  # only now are there settings

        ledger = stage.paper.ledger()
        evidence = checker.Evidence(
            intents=run.intents,
            requests=ledger["requests"],
            effects=ledger["effects"],
            truth=stage.paper.truth(),
            secrets=[account.agent_keypair for account in accounts],
            folders=[Path(folder) / "broker", Path(folder) / "processes.log"],
            had_right={(user.pk, desk.pk)},
        )
        findings = list(checker.everything(evidence))
        return figures(run, stage, findings, is_at_rest), findings
    finally:
        stage.stop()


def main():
    """Read the options, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--cancels", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--database-url", default="", help="an empty PostgreSQL database")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        shown, findings = prove(
            seed=options.seed,
            cancels=options.cancels,
            seconds=options.minutes * 60,
            folder=folder,
            database_url=options.database_url,
        )
    print(json.dumps(shown, indent=2, default=str))
    for finding in findings[:50]:
        print(finding)
    return 1 if findings or not shown["came_to_rest"] else 0


if __name__ == "__main__":
    sys.exit(main())
