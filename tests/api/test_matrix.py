"""Every route of the API by every kind of token: nobody reads or acts where the token may not."""

import json
import uuid
from datetime import timedelta

import pytest
from django.utils.timezone import now

from orders.access import api_tokens
from orders.audit.log import Actor
from orders.cancels.bulk import previews
from orders.cancels.bulk.scope import Scope
from orders.models import (
    ApiAct,
    ApiToken,
    Cancel,
    CancelJob,
    Guard,
    PanicLine,
    Preview,
    TokenRight,
)
from tests.api import openapi_file
from tests.api.programs import Program, problem
from tests.helpers.guards import new_guard
from tests.helpers.screens import known_order
from tests.helpers.tokens import new_token

pytestmark = pytest.mark.once

RIGHTS = {  # of every operation; a new one is entered here
    "accounts": {"read"},
    "open_orders": {"read"},
    "life": {"read"},
    "unresolved": {"read"},
    "job": {"read"},
    "job_cancels": {"read"},
    "job_events": {"read"},
    "health": {"read"},
    "cancel": {"cancel"},
    "preview": {"bulk"},
    "confirm": {"bulk"},
    "cancel_scope": {"bulk"},
    "panic": {"panic"},
    "stop": {"cancel", "bulk"},
    "guards": {"read", "guard"},
    "guard": {"read", "guard"},
    "arm": {"guard"},
    "beat": {"guard"},
    "disarm": {"guard"},
}
LET_IN = {200, 201, 202, 421}  # the last: a job's events, which another process tells
CHANGED = (CancelJob, Cancel, PanicLine, Preview, ApiAct)
OPERATIONS = {
    operation["operationId"]: (method, path.removeprefix("/api/v1"))
    for path, methods in json.loads(openapi_file.text())["paths"].items()
    for method, operation in methods.items()
}


class Side:
    """One desk: what ids of it a program may name, and the words that would betray it."""

    def __init__(self, firm, desk, account, user, symbol):
        order = known_order(account, 71_000_000_000 + account.pk, symbol=symbol)
        about = {"user": user, "actor": firm.actor(user)}
        scope = Scope(desk_id=desk.pk)
        frozen = previews.of_scope(scope=scope, **about)
        confirmed = previews.of_scope(scope=scope, **about)
        job = previews.confirm(preview_id=confirmed.pk, typed=desk.name, **about).jobs[0]
        self.free = known_order(account, 71_500_000_000 + account.pk, symbol=symbol)
        self.desk, self.account, self.frozen = desk, account, frozen
        self.ids = {"account_id": account.pk, "order_id": order.order_id, "job_id": job.pk}
        self.ids["preview_id"] = frozen.pk
        self.guard = new_guard(firm, name=f"guard-{symbol}", account=account, desk=desk, user=user)
        self.ids["guard_id"] = self.guard.pk
        self.words = (account.address, symbol, f'"{account.name}"', str(order.order_id))

    def body(self, name):
        """A sound body of an operation that names this side's rows."""
        order = {"account_id": self.account.pk, "order_ids": [self.free.order_id]}
        return {
            "cancel": order | {"symbol": self.free.symbol},
            "confirm": {"sha256": self.frozen.targets_sha256},
            "preview": {"account_ids": [self.account.pk]},
            "cancel_scope": {"account_ids": [self.account.pk], "expect_at_most": 9},
            "panic": {"account_ids": [self.account.pk]},
            "disarm": {"reason": "matrix"},
        }.get(name, {})


@pytest.fixture
def sides(firm, settings):
    settings.API_ACTS_PER_S = settings.API_REQUESTS_PER_S = 100
    near = Side(firm, firm.momentum, firm.account, firm.head, "NEARCOIN")
    farida = firm.person("farida", firm.basis, "head")
    far = Side(firm, firm.basis, firm.foreign_account, farida, "FARCOIN")
    return near, far


def ask(secret, name, side):
    method, path = OPERATIONS[name]
    program = Program(secret)
    place = path.format(**side.ids)
    ApiToken.objects.update(panics_until=0)  # its pace is tried elsewhere
    return program.get(place) if method == "get" else program.post(place, side.body(name))


def state():
    """What an act would change."""
    statuses = list(Cancel.objects.order_by("pk").values_list("pk", "status"))
    statuses += list(Guard.objects.order_by("pk").values_list("status", "arming", "beat_no"))
    return statuses, [model.objects.count() for model in CHANGED]


def outsiders(firm):
    """Secrets that let nobody in, by why."""
    made = {why: new_token(firm, name=why) for why in ("expired", "ended", "elsewhere")}
    ApiToken.objects.filter(name="expired").update(expires_at=now() - timedelta(seconds=1))
    ApiToken.objects.filter(name="elsewhere").update(networks="192.0.2.0/24")
    api_tokens._end(made["ended"][0], Actor(), "test")
    secrets = {why: secret for why, (_, secret) in made.items()}
    guessed = api_tokens.PREFIX + "0" * 64
    kept = made["expired"][0].secret_sha256
    return secrets | {"none": "", "guessed": guessed, "the hash itself": kept}


def test_every_operation_says_which_right_it_asks_for():
    assert RIGHTS.keys() == OPERATIONS.keys()
    assert set().union(*RIGHTS.values()) == set(TokenRight.values)


@pytest.mark.parametrize("name", RIGHTS)
def test_who_has_no_token_that_counts_reads_and_does_nothing(firm, sides, name):
    near, _ = sides
    before = state()
    for secret in outsiders(firm).values():
        answer = ask(secret, name, near)
        problem(answer, 401)
        assert not any(word in answer.content.decode() for word in near.words)
    assert state() == before


@pytest.mark.parametrize("name", RIGHTS)
def test_each_right_alone_opens_its_own_routes(firm, sides, name):
    near, _ = sides
    for right in TokenRight.values:
        before, answer = state(), ask(new_token(firm, right, name=right)[1], name, near)
        if right in RIGHTS[name]:
            assert answer.status_code in LET_IN, answer.content
        else:
            problem(answer, 403)
            assert state() == before
            assert not any(word in answer.content.decode() for word in near.words)


@pytest.mark.parametrize("name", RIGHTS)
def test_another_desks_token_reads_and_does_nothing_here(firm, sides, name):
    near, far = sides
    before = state()
    answer = ask(new_token(firm)[1], name, far)
    assert not any(word in answer.content.decode() for word in far.words), answer.content
    assert state() == before
    if far.body(name) or "{" in OPERATIONS[name][1]:
        told, missing = problem(answer, 404), Missing(far)
        assert problem(ask(new_token(firm, name="b")[1], name, missing), 404) == told
    assert near.words


class Missing:
    """What nobody has, in the form of a side."""

    def __init__(self, side):
        self.side = side
        self.ids = dict.fromkeys(side.ids, 987_654) | {"preview_id": uuid.uuid4()}

    def body(self, name):
        """The side's own body, with an account that is nobody's."""
        body = self.side.body(name)
        if "account_id" in body:
            body["account_id"] = 987_654
        if "account_ids" in body:
            body["account_ids"] = [987_654]
        return body
