"""Test an agent wallet: a harmless signed read that tells what is wrong, in words."""

import pytest

from orders import probing
from orders.models import AgentWallet, AuditRecord, Event


def after_test(firm, account=None):
    wallet = (account or firm.account).agent_wallets.get()
    probing.ask_for_test(wallet=wallet, actor=firm.actor(firm.head))
    probing.probe(wallet_id=wallet.pk)
    return AgentWallet.objects.get(pk=wallet.pk)


def test_a_bound_wallet_is_bound(firm):
    assert after_test(firm).test_outcome == probing.BOUND


def test_an_unbound_wallet_is_not_bound(firm):
    account = firm.new_account("Unbound", firm.momentum, is_bound=False)
    assert after_test(firm, account).test_outcome == probing.NOT_BOUND


def test_a_wallet_without_beta_access_is_told_so(firm):
    firm.paper.rules(beta_required=[firm.account.agent_wallets.get().public_key])
    assert after_test(firm).test_outcome == probing.BETA


@pytest.mark.parametrize(
    ("fault", "outcome", "words"),
    [
        ({"kind": "drop"}, probing.UNREACHABLE, "did not answer"),
        ({"kind": "status", "status": 500, "body": "what?"}, probing.CANNOT_TELL, "what?"),
        (
            {"kind": "status", "status": 400, "body": "Verification failed"},
            probing.REFUSED,
            "Verification failed",
        ),
    ],
    ids=["unreachable", "cannot tell", "signature"],
)
def test_what_else_can_be_wrong_is_told_apart(firm, fault, outcome, words):
    firm.paper.fault("/agent/list", **fault)
    wallet = after_test(firm)
    assert wallet.test_outcome == outcome
    assert words in wallet.test_said


def test_the_signed_read_is_recorded_before_and_after(firm):
    after_test(firm)
    wanted = AuditRecord.objects.filter(event__in=[Event.AGENT_WALLET_TESTED, Event.REQUEST])
    told = list(wanted.order_by("position").values_list("event", "outcome"))
    tested_event = Event.AGENT_WALLET_TESTED
    assert told == [(tested_event, "asked"), (Event.REQUEST, ""), (tested_event, "bound")]


def test_a_test_is_made_once(firm):
    wallet = firm.account.agent_wallets.get()
    probing.ask_for_test(wallet=wallet, actor=firm.actor(firm.head))
    probing.probe(wallet_id=wallet.pk)
    probing.probe(wallet_id=wallet.pk)
    assert len(firm.paper.requests("/agent/list")) == 1
