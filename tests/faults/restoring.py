"""An older copy of the database is put back in a fault run: nothing that waited in it may leave."""

import time
from contextlib import suppress

LOOKED_S = 3.0  # for what a sender that knew no better would send


class Copies:
    """Takes a copy in the middle of a storm, and puts it back once later records are signed."""

    def __init__(self, run):
        self._run, self._stage = run, run.stage
        self._taken = None  # (the ledger's next number, how many intents were acknowledged)
        self.forgotten = []  # (first, last) numbers of the ledger that no log remembers
        self.findings = []

    def take(self):
        """Stop everything dead and copy what is in the database by then."""
        self._run.collect()
        self._away()
        self._stage.database.copy()
        self._taken = (self._next(), len(self._run.intents))

    def put_back(self, user):
        """The copy takes the database's place; nothing leaves until it is accepted, nor then."""
        from orders.audit import log
        from orders.evidence import checkpoints
        from orders.lifecycle import restored_copy_acceptance

        if self._taken is None:
            return
        checkpoints.make()
        since = self._replace()
        first, acknowledged = self._taken
        self._taken = None
        self.forgotten.append((first, since - 1))
        del self._run.intents[acknowledged:]
        self._run.picked.clear()
        self._stage.counts["copies put back"] += 1
        self._look(since, "before it was accepted")
        actor = log.Actor(user.pk, user.get_username())
        restored_copy_acceptance.accept(user=user, actor=actor, reason="fault run")
        self._look(since, "because it was accepted", self._held())
        self._decide(type(user).objects.get(username="hannah"))

    def _replace(self):
        """Have the copy in the database's place; the ledger's next number from then on."""
        self._away()
        self._stage.database.put_back()
        return self._next()

    def _away(self):
        from django.db import connection

        self._stage.replace(self._stage.everybody)
        connection.close()

    def _next(self):
        return self._stage.paper.ledger()["next"]

    def _look(self, since, when, order_ids=None):
        """Whether something was sent that may not be: anything, or cancels of these orders."""
        self._stage.revive(self._stage.everybody)
        time.sleep(LOOKED_S)
        sent = [r for r in self._stage.paper.ledger(since)["requests"] if r["method"] == "POST"]
        if order_ids is not None:
            sent = [one for one in sent if order_ids.intersection(one["order_ids"])]
        self.findings += [f"restored: request {one['n']} left {when}" for one in sent]

    def _held(self):
        from orders.models import Cancel

        held = Cancel.objects.filter(restored_at__isnull=False)
        return set(held.values_list("order_id", flat=True)) - {None}

    def _decide(self, head):
        """A person has some sent again, where that may be, and closes the others one by one."""
        from orders.access.permissions import NotAllowed
        from orders.audit import log
        from orders.models import Cancel
        from orders.models.cancels import OPEN_QUESTIONS

        held = Cancel.objects.filter(restored_at__isnull=False, status__in=OPEN_QUESTIONS)
        about = {"user": head, "actor": log.Actor(head.pk, head.get_username())}
        for place, pk in enumerate(held.values_list("pk", flat=True)):
            with suppress(NotAllowed):  # a sender settled it meanwhile
                self._decide_one(place % 2, cancel_ids=[pk], **about)

    def _decide_one(self, sends, **about):
        from orders.cancels import unresolved
        from orders.lifecycle.targets import CannotAsk

        with suppress(CannotAsk):  # its last request may still act
            if sends:
                unresolved.send_again(**about)
                return
        unresolved.close(**about, reason="fault run")
