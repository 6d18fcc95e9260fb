"""`-m tests.helpers.make_records --count 1000000`: a believable log, fast, with true signatures.

With ``--orders`` so many orders too, of which the last few of each account are open.
Facts go through `orders.audit.log` itself and every request is signed; jobs and cancels are
inserted as plain rows, and indexes are put back at the end, as every bulk load does it.
"""

import argparse
import random
import re
import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

START = datetime(2026, 1, 1, tzinfo=UTC)
SYMBOLS = ["BTC", "ETH", "SOL", "HYPE", "kBONK", "XRP", "DOGE", "SUI", "AAVE", "PUMP"]
RARE = "WIF"
NAMES = ["olivia", "oscar", "hannah", "audrey", "omar", "oona", "otto", "odile"]
YES = b'{"success":true,"data":null,"error":null,"code":null}'
REASONS = ["too wide", "risk limit", "news in five minutes", "strategy off", "end of day"]


class Job(NamedTuple):
    """A job as its facts and its row need it."""

    pk: int
    account: object
    operator_id: int
    operator_name: str
    session_hash: str
    address: str
    scope: str
    reason: str
    created_at: datetime
    token_name: str = ""
    guard_name: str = ""


class One(NamedTuple):
    """A cancel as its facts, its request and its row need it."""

    pk: int
    job: Job
    account_id: int
    symbol: str
    order_id: int
    requested_at: datetime
    client_order_id: None = None
    kind: str = "order"
    send_alone: bool = False


class Maker:
    """Writes the records of one act after the other, as the app would."""

    def __init__(self, *, seed, start=START, pace_s=30):
        from solders.keypair import Keypair

        from orders.audit import log
        from orders.pacifica import signing

        self.chance, self.now, self.pace_s = random.Random(seed), start, pace_s
        self.order_id = 28_000_000_000
        self.records, self.ids = 0, 10_000_000
        self._firm()
        self.agents = {}
        for number, account in enumerate(self.accounts):
            agent = Keypair.from_seed((seed * 1000 + number).to_bytes(32, "big"))
            self.agents[account.pk] = signing.SigningKey(agent), str(agent.pubkey())
            data = {"public_key": str(agent.pubkey())}
            log.record(self._fact("agent_wallet_added", account=account, data=data))

    def single(self):
        """One order cancelled: asked, sent, answered, proven."""
        self.write([1])

    def bulk(self, count):
        """Many orders of one account in one act, ten to a request."""
        self.write([count])

    def write(self, counts):
        """An act of so many cancels for each count, all in one transaction."""
        from django.db import transaction

        from orders.audit import log
        from orders.models import Cancel, CancelJob

        with transaction.atomic():
            acts = [self._new_act(count) for count in counts]
            _insert(CancelJob, [_job_row(cancels[0].job) for cancels in acts])
            _insert(Cancel, [_cancel_row(one) for cancels in acts for one in cancels])
            facts = [fact for cancels in acts for fact in self._act(cancels)]
            log.append(*facts)
        self.records += len(facts)

    def _new_act(self, count):
        job = self._job(self.chance.choice(self.accounts), count)
        return [self._new_cancel(job) for _ in range(count)]

    def add_orders(self, count, *, are_open):
        """Insert so many orders, the newest of them open, shared out among the accounts."""
        from orders.models import Order

        first = count - are_open
        for start in range(0, count, ORDERS_AT_ONCE):
            numbers = range(start, min(count, start + ORDERS_AT_ONCE))
            _insert(Order, [self._order_row(number, number >= first) for number in numbers])

    def _order_row(self, number, is_open):
        at = START + timedelta(seconds=number)
        about = {"account_id": self.accounts[number % len(self.accounts)].pk, "order_id": 10**9}
        about["order_id"] += number
        about |= {"symbol": SYMBOLS[number // 10 % len(SYMBOLS)], "side": "bid"}
        about |= {"order_type": "limit", "price": "50000", "price_number": 50000}
        about |= {"initial_amount": "0.5", "open_amount_number": 0.5 if is_open else 0}
        about |= {"state": "open"} if is_open else {"state": "closed", "order_status": "cancelled"}
        about |= {} if is_open else {"closed_at": at}
        return about | dict.fromkeys(("created_at", "first_seen_at", "last_seen_at"), at)

    def _next_id(self):
        self.ids += 1
        return self.ids

    def _act(self, cancels):
        """Every fact of one act, and now and then something else."""
        from orders.audit import log

        job, account = cancels[0].job, cancels[0].job.account
        yield self._asked(job, account, cancels)
        for first in range(0, len(cancels), 10):
            yield from self._exchange(job, account, cancels[first : first + 10])
        said = {"proof": "the exchange's answer", "explanation": "The exchange accepted it."}
        lines = tuple(log.line_of(one, outcome="cancelled") for one in cancels)
        about = {"account": account, "job": job, "lines": lines, "outcome": "cancelled"}
        yield self._fact("outcome", log.actor_of(job), data=said, **about)
        if self.chance.random() < 0.1:
            yield self._aside()

    def _exchange(self, job, account, cancels):
        from orders.audit import log
        from orders.delivery.packets import packed

        timestamp = int(self._tick(ms=True).timestamp() * 1000)
        signed = [(one, self._signed(account, one, timestamp)) for one in cancels]
        for pack in packed(signed):
            yes = YES
            if pack.is_batch:
                items = b",".join([b'{"success":true}'] * len(pack.cancels))
                yes = b'{"success":true,"data":{"results":[' + items + b"]}}"
            about = {"account": account, "job": job}
            lines = tuple(log.line_of(one) for one in pack.cancels)
            data = self._request_data(pack)
            actor = log.actor_of(job)
            yield self._fact("request", actor, data=data, body=pack.body, lines=lines, **about)
            lines = tuple(log.line_of(one, outcome="cancelled") for one in pack.cancels)
            data = {"status": 200, "is_whole": True, "url": data["url"], "attempt": 1}
            data |= {"elapsed_ms": self.chance.randint(12, 90), "headers": {}}
            yield self._fact(
                "answer", actor, data=data, body=yes, lines=lines, outcome="cancelled", **about
            )

    def _signed(self, account, cancel, timestamp):
        """What the app's own signer makes, without its check of the signature just made."""
        from orders.keys.signer import SignedRequest
        from orders.pacifica import signing

        agent, signer = self.agents[account.pk]
        operation = signing.cancel_order(symbol=cancel.symbol, order_id=cancel.order_id)
        text = signing.canonical_text(operation.type, operation.payload, timestamp, 5000)
        header = {
            "account": account.address,
            "timestamp": timestamp,
            "expiry_window": 5000,
            "signature": signing.sign_text(text, agent),
        }
        body = signing.request_body(operation, agent_wallet=signer, **header)
        return SignedRequest(
            operation.route, signing.body_bytes(body), text, signer=signer, **header
        )

    def _request_data(self, pack):
        first = pack.requests[0]
        data = {
            "method": "POST",
            "url": f"http://127.0.0.1:8900/api/v1{pack.route}",
            "signer": first.signer,
            "account": first.account,
            "timestamp": first.timestamp,
            "expiry_window": first.expiry_window,
            "attempt": 1,
        }
        if pack.is_batch:
            texts = [one.text for one in pack.requests]
            return data | {
                "signed_texts": texts,
                "signatures": [one.signature for one in pack.requests],
            }
        return data | {"signed_text": first.text, "signature": first.signature}

    def _asked(self, job, account, cancels):
        from orders.audit import log

        lines = tuple(log.line_of(one) for one in cancels)
        data = {"scope": job.scope, "reason": job.reason, "count": len(cancels)}
        about = {"account": account, "job": job, "lines": lines}
        return self._fact("cancel_asked", log.actor_of(job), data=data, **about)

    def _new_cancel(self, job):
        self.order_id += self.chance.randint(1, 50)
        symbol = RARE if self.chance.random() < 0.0001 else self.chance.choice(SYMBOLS)
        return One(self._next_id(), job, job.account.pk, symbol, self.order_id, self.now)

    def _job(self, account, count):
        user = self.chance.choice(self.users)
        return Job(
            pk=self._next_id(),
            account=account,
            operator_id=user.pk,
            operator_name=user.username,
            session_hash=f"{self.chance.getrandbits(256):064x}",
            address=f"10.0.{self.chance.randint(0, 9)}.{self.chance.randint(1, 99)}",
            scope=f"{count} order{'' if count == 1 else 's'} on {account.name}",
            reason=self.chance.choice(REASONS),
            created_at=self._tick(),
        )

    def _aside(self):
        """A sign-in, or a book that changed."""
        from orders.audit import log

        user, account = self.chance.choice(self.users), self.chance.choice(self.accounts)
        if self.chance.random() < 0.5:
            return self._fact("login", log.Actor(user.pk, user.username, address="10.0.0.1"))
        self.order_id += 1
        line = log.OrderLine(account.pk, self.chance.choice(SYMBOLS), self.order_id, data="{}")
        return self._fact("sync", account=account, data={"count": 1}, lines=(line,))

    def _fact(self, event, actor=None, **about):
        from orders.audit import log

        return log.Fact(event, actor or log.Actor(), at=self._tick(ms=True), **about)

    def _tick(self, *, ms=False):
        step = self.chance.random() * (0.05 if ms else self.pace_s)
        self.now += timedelta(seconds=step)
        return self.now

    def _firm(self):
        from django.contrib.auth import get_user_model
        from solders.keypair import Keypair

        from orders.models import Account, Desk

        users = get_user_model().objects
        self.users = [users.get_or_create(username=name)[0] for name in NAMES]
        desks = [Desk.objects.get_or_create(name=name)[0] for name in ("Momentum", "Basis")]
        self.accounts = []
        for number in range(10):
            address = str(Keypair.from_seed(bytes([200 + number]) * 32).pubkey())
            about = {"desk": desks[number % 2], "address": address}
            found, _ = Account.objects.get_or_create(name=f"Account {number}", **about)
            self.accounts.append(found)


def _job_row(job):
    about = job._asdict()
    account = about.pop("account")
    about["id"], about["request_key"] = about.pop("pk"), uuid.UUID(int=job.pk).hex
    return about | {"desk_id": account.desk_id, "status": "done"}


def _cancel_row(one):
    about = one._asdict()
    about["id"], about["job_id"] = about.pop("pk"), about.pop("job").pk
    return about | {"concluded_at": one.requested_at, "status": "cancelled", "proof": 2}


def _insert(model, rows):
    """Past the ORM, as the log itself does it; what a row does not say is the model's default.

    Ids that no row says are the database's.
    """
    from orders.models.bulk_insert import insert

    fields = {field.column: field.get_default() for field in model._meta.concrete_fields}
    if rows and "id" not in rows[0]:
        del fields["id"]
    insert(model, list(fields), [(fields | row).values() for row in rows])


@contextmanager
def bulk_load():
    """Without the indexes that serve reading, which are made again at the end; keys stay."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA synchronous=OFF")
            cursor.execute("PRAGMA cache_size=-500000")  # KiB
        cursor.execute(INDEXES[connection.vendor])
        made = [text for (text,) in cursor.fetchall() if re.search(LOADED, text)]
        for text in made:
            name = re.search(r"INDEX \S+", text)[0].removeprefix("INDEX ")
            cursor.execute(f"DROP INDEX {name}")
        yield
        for text in made:
            cursor.execute(text)
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")  # what autovacuum does in its own time


LOADED = r" ON (public\.)?\"?orders_(audit|cancel|order\b)"
INDEXES = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql NOT LIKE '%UNIQUE%'",
    "postgresql": "SELECT indexdef FROM pg_indexes WHERE indexdef NOT LIKE '%UNIQUE%'",
}
ORDERS_AT_ONCE = 20_000
ACTS = [1] * 280 + [100] * 4  # in one transaction: about 1,200 records


def make(*, count, seed=1, orders=0, are_open=0):
    """Write about so many records: nine in ten from single cancels, the others from bulk."""
    maker = Maker(seed=seed, pace_s=30_000_000 / count)
    maker.add_orders(orders, are_open=are_open)
    while maker.records < count:
        maker.write(ACTS * 8 if count > 100_000 else ACTS if count > 2_000 else [1] * (count // 10))
    return maker


def main():
    """Fill a scratch database that stays, and say how long it took."""
    parser = argparse.ArgumentParser(prog="python -m tests.helpers.make_records")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--orders", type=int, default=0)
    parser.add_argument("--open", type=int, default=0, help="how many of the orders")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    from tests.helpers.scratch import scratch_database

    with scratch_database(keep=True):
        from django.db import connection

        from orders.evidence import checkpoints

        started = time.perf_counter()
        with bulk_load():
            about = {"orders": options.orders, "are_open": options.open}
            maker = make(count=options.count, seed=options.seed, **about)
        checkpoints.make()
        took = time.perf_counter() - started
        print(f"{connection.vendor}: {maker.records} records in {took:.0f} s, checkpoint made.")


if __name__ == "__main__":
    main()
