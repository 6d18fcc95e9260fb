"""The whole description tried: what it allows and what it does not, with ids that are real too.

0 server errors, and no answer that the description does not have.
"""

import json

import pytest
import schemathesis
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from orders.access import token_pace
from orders.api import waiting
from orders.cancels import requests
from orders.cancels.bulk import previews
from orders.cancels.bulk.scope import Scope
from orders.models import TokenRight
from tests.api import openapi_file
from tests.api.test_matrix import LET_IN, RIGHTS
from tests.helpers.engines import examples
from tests.helpers.guards import new_guard
from tests.helpers.screens import known_order
from tests.helpers.tokens import new_token

pytestmark = [pytest.mark.thorough, pytest.mark.django_db]
EXAMPLES = examples(40)  # of each operation, of what it allows and again of what it does not
HELD = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
REFUSED = [*HELD, checks.negative_data_rejection]
TRIED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def description():
    """The description, with the site itself to send to."""
    schema = schemathesis.openapi.from_dict(json.loads(openapi_file.text()))
    schema.app = get_wsgi_application()
    return schema


OPERATIONS = {each.ok().label: each.ok() for each in description().get_all_operations()}
TAKING_NOTHING = {"GET /api/v1/accounts", "GET /api/v1/guards", "GET /api/v1/health"}


@pytest.fixture(autouse=True)
def _one_connection():
    """Requests leave the test's own connection open, as those of Django's test client do."""
    ends = [signals.request_started, signals.request_finished]
    for end in ends:
        end.disconnect(close_old_connections)
    yield
    for end in ends:
        end.connect(close_old_connections)


@pytest.fixture
def desk(firm, monkeypatch):
    """A desk with orders and a job, and a token that never asks too fast; ids by name."""
    monkeypatch.setattr(token_pace, "take", lambda *args, **about: 0)
    is_over = waiting.is_over
    monkeypatch.setattr(waiting, "is_over", lambda job_id, wait_s: is_over(job_id, 0))
    rows = [known_order(firm.account, 71_000_000_000 + n) for n in range(20)]
    about = {"user": firm.head, "actor": firm.actor(firm.head)}
    asked = requests.cancel_orders(order_ids=[rows[0].pk], **about)
    frozen = previews.of_scope(scope=Scope(desk_id=firm.momentum.pk), **about)
    ids = {"account_id": firm.account.pk, "job_id": asked.jobs[0].pk, "preview_id": frozen.pk}
    ids["guard_id"] = new_guard(firm, user=firm.head).pk
    ids |= {"sha256": frozen.targets_sha256, "side": "", "min_price": None}
    return ids | {"order_id": rows[0].order_id, "symbol": "BTC", "expect_at_most": 50_000}


def with_real_ids(case, ids):
    """The same request, naming rows that are there."""
    for place in (case.path_parameters, case.body):
        for name, value in ids.items():
            if isinstance(place, dict) and name in place:
                place[name] = value
            if isinstance(place, dict) and f"{name}s" in place:
                place[f"{name}s"] = [value]


@pytest.mark.parametrize("label", OPERATIONS)
def test_what_the_description_allows_is_answered_as_it_says(firm, desk, label):
    (_, secret), statuses = new_token(firm, *TokenRight), set()

    @TRIED
    @given(OPERATIONS[label].as_strategy(), st.booleans())
    def tried(case, is_real):
        if is_real:
            with_real_ids(case, desk)
        answer = case.call(headers={"Authorization": f"Bearer {secret}"})
        case.validate_response(answer, checks=HELD)
        statuses.add(answer.status_code)

    tried()
    assert statuses & LET_IN  # with real ids it does what it is for, too


@pytest.mark.parametrize("label", sorted(OPERATIONS.keys() - TAKING_NOTHING))
def test_what_the_description_does_not_allow_is_refused_as_it_says(firm, desk, label):
    _, secret = new_token(firm, *TokenRight)
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "k"}
    has_body = bool(OPERATIONS[label].body)  # what a query has beside its own names is passed over
    fixed = {"query": {}, "headers": headers} if has_body else {"headers": headers}

    @TRIED
    @given(OPERATIONS[label].as_strategy(generation_mode=GenerationMode.NEGATIVE, **fixed))
    def tried(case):
        answer = case.call(headers=headers)
        case.validate_response(answer, checks=REFUSED if has_body else HELD)

    tried()


def test_every_operation_is_tried():
    assert len(OPERATIONS) == len(RIGHTS)
