"""`python -m tests.make_records --count 1000000`: a believable log, fast, with true signatures."""

import argparse
import random
import time
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)
SYMBOLS = ["BTC", "ETH", "SOL", "HYPE", "kBONK", "XRP", "DOGE", "SUI", "AAVE", "PUMP"]
NAMES = ["olivia", "oscar", "hannah", "audrey", "omar", "oona", "otto", "odile"]
YES = b'{"success":true,"data":null,"error":null,"code":null}'
REASONS = ["too wide", "risk limit", "news in five minutes", "strategy off", "end of day"]


class Maker:
    """Writes the records of one act after the other, as the app would."""

    def __init__(self, *, seed, start=START, pace_s=30):
        from solders.keypair import Keypair

        from orders import audit
        from orders.keys import Signer

        self.chance, self.now, self.pace_s = random.Random(seed), start, pace_s
        self.order_id = 28_000_000_000
        self.records, self.ids = 0, {}
        self._firm()
        self.agents, self.signers = {}, {}
        for number, account in enumerate(self.accounts):
            agent = Keypair.from_seed((seed * 1000 + number).to_bytes(32, "big"))
            key = str(agent.pubkey())
            self.agents[account.pk] = key
            self.signers[account.pk] = Signer(agent, account=account.address, public_key=key)
            data = {"public_key": key}
            audit.record(self._fact("agent_wallet_added", account=account, data=data))

    def single(self):
        """One order cancelled: asked, sent, answered, proven."""
        self.write([1])

    def bulk(self, count):
        """Many orders of one account in one act, ten to a request."""
        self.write([count])

    def write(self, counts):
        """An act of so many cancels for each count, all in one transaction."""
        from django.db import transaction

        from orders import audit
        from orders.models import Cancel, CancelJob

        with transaction.atomic():
            jobs = [self._job(self.chance.choice(self.accounts), count) for count in counts]
            self._insert(CancelJob, jobs)
            groups = [
                [self._new_cancel(job) for _ in range(count)]
                for job, count in zip(jobs, counts, strict=True)
            ]
            self._insert(Cancel, [cancel for group in groups for cancel in group])
            facts = [fact for group in groups for fact in self._act(group)]
            audit.append(*facts)
        self.records += len(facts)

    def _insert(self, model, rows):
        """With ids of our own and past the ORM, as the log itself does it."""
        from django.db import connection

        from orders import audit

        first = self.ids.get(model) or 10_000_000
        fields = model._meta.concrete_fields
        for number, row in enumerate(rows, first):
            row.pk = number
        self.ids[model] = first + len(rows)
        values = [
            [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
            for row in rows
        ]
        audit._insert(model, [field.column for field in fields], values)

    def _act(self, cancels):
        """Every fact of one act, and now and then something else."""
        from orders import audit

        job, account = cancels[0].job, cancels[0].account
        yield self._asked(job, account, cancels)
        for first in range(0, len(cancels), 10):
            yield from self._exchange(job, account, cancels[first : first + 10])
        said = {"proof": "the exchange's answer", "explanation": "The exchange accepted it."}
        lines = tuple(audit.line_of(one, outcome="cancelled") for one in cancels)
        about = {"account": account, "job": job, "lines": lines, "outcome": "cancelled"}
        yield self._fact("outcome", audit.actor_of(job), data=said, **about)
        if self.chance.random() < 0.1:
            yield self._aside()

    def _exchange(self, job, account, cancels):
        from orders import audit
        from orders.packets import packed

        signer = self.signers[account.pk]
        times = {"timestamp": int(self._tick(ms=True).timestamp() * 1000), "expiry_window": 5000}
        signed = [(one, self._signed(signer, one, times)) for one in cancels]
        for pack in packed(signed):
            yes = YES
            if pack.is_batch:
                items = b",".join([b'{"success":true}'] * len(pack.cancels))
                yes = b'{"success":true,"data":{"results":[' + items + b"]}}"
            about = {"account": account, "job": job}
            lines = tuple(audit.line_of(one) for one in pack.cancels)
            data = self._request_data(pack)
            actor = audit.actor_of(job)
            yield self._fact("request", actor, data=data, body=pack.body, lines=lines, **about)
            lines = tuple(audit.line_of(one, outcome="cancelled") for one in pack.cancels)
            data = {"status": 200, "is_whole": True, "url": data["url"], "attempt": 1}
            data |= {"elapsed_ms": self.chance.randint(12, 90), "headers": {}}
            yield self._fact(
                "answer", actor, data=data, body=yes, lines=lines, outcome="cancelled", **about
            )

    def _signed(self, signer, cancel, times):
        return signer.cancel(
            kind="order",
            symbol=cancel.symbol,
            order_id=cancel.order_id,
            client_order_id=None,
            **times,
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
        from orders import audit

        lines = tuple(audit.line_of(one) for one in cancels)
        data = {"scope": job.scope, "reason": job.reason, "count": len(cancels)}
        about = {"account": account, "job": job, "lines": lines}
        return self._fact("cancel_asked", audit.actor_of(job), data=data, **about)

    def _new_cancel(self, job):
        from orders.models import Cancel

        self.order_id += self.chance.randint(1, 50)
        symbol = self.chance.choice(SYMBOLS)
        about = {"requested_at": self.now, "concluded_at": self.now, "status": "cancelled"}
        return Cancel(
            job=job, account=job.account, symbol=symbol, order_id=self.order_id, proof=2, **about
        )

    def _job(self, account, count):
        from orders.models import CancelJob

        user = self.chance.choice(self.users)
        job = CancelJob(
            desk=account.desk,
            operator=user,
            operator_name=user.username,
            session_hash=f"{self.chance.getrandbits(256):064x}",
            address=f"10.0.{self.chance.randint(0, 9)}.{self.chance.randint(1, 99)}",
            scope=f"{count} orders on {account.name}",
            reason=self.chance.choice(REASONS),
            status="done",
            created_at=self._tick(),
        )
        job.account = account
        return job

    def _aside(self):
        """A sign-in, or a book that changed."""
        from orders import audit

        user, account = self.chance.choice(self.users), self.chance.choice(self.accounts)
        if self.chance.random() < 0.5:
            return self._fact("login", audit.Actor(user.pk, user.username, address="10.0.0.1"))
        self.order_id += 1
        line = audit.OrderLine(account.pk, self.chance.choice(SYMBOLS), self.order_id, data="{}")
        return self._fact("sync", account=account, data={"count": 1}, lines=(line,))

    def _fact(self, event, actor=None, **about):
        from orders import audit

        return audit.Fact(event, actor or audit.Actor(), at=self._tick(ms=True), **about)

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


def make(*, count, seed=1):
    """Write about so many records: nine in ten from single cancels, the others from bulk."""
    maker = Maker(seed=seed, pace_s=30_000_000 / count)
    while maker.records < count:
        maker.write([1] * min(280, max(1, count // 10)) + [100] * (count > 1000) * 4)
    return maker


def main():
    """Fill a scratch database that stays, and say how long it took."""
    parser = argparse.ArgumentParser(prog="python -m tests.make_records")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    from tests.scratch import scratch_database

    with scratch_database(keep=True):
        from django.db import connection

        from orders import checkpoints

        started = time.perf_counter()
        maker = make(count=options.count, seed=options.seed)
        checkpoints.make()
        took = time.perf_counter() - started
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        print(f"{connection.vendor}: {maker.records} records in {took:.0f} s, checkpoint made.")


if __name__ == "__main__":
    main()
