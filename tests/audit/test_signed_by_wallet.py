"""What one agent wallet signed, and nothing that another signed for the same account."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from orders.accounts import account_keys, wallet_check
from orders.audit import log, search, signed_by_wallet
from orders.cancels import requests
from orders.delivery import worker
from orders.models import AgentWallet, AuditRecord, Event
from tests.helpers.screens import page, signed_in, url

ONE_RECORD = signed_by_wallet.Limits(stretch=1, span=search.Limits(several=1))


def cancelled(firm):
    """A cancel that was sent with the account's newest agent wallet; its request."""
    ids = [firm.order().pk]
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)
    worker.deliver_account(account_id=firm.account.pk)
    return AuditRecord.objects.filter(event=Event.REQUEST).first()


def another_wallet(firm):
    """A second agent wallet of the account, in place of the first."""
    agent, admin = firm.keypair(), firm.administrator
    old = firm.account.agent_wallets.get()
    account_keys.disable_agent_wallet(wallet=old, user=admin, actor=firm.actor(admin))
    wallet, _ = account_keys.add_agent_wallet(
        account=firm.account,
        public_key=str(agent.pubkey()),
        secret=str(agent),
        user=admin,
        actor=firm.actor(admin),
    )
    firm.paper.account(firm.account.address, agents=[old.public_key, wallet.public_key])
    return AgentWallet.objects.get(pk=old.pk), wallet


def found(firm, wallet, **asked):
    return signed_by_wallet.find(wallet=wallet, user=firm.viewer, **asked)


def test_each_key_has_what_it_signed_and_nothing_of_the_others(firm):
    first = cancelled(firm)
    old, new = another_wallet(firm)
    second = cancelled(firm)
    assert found(firm, old).requests == [first]
    assert found(firm, new).requests == [second]


def test_a_test_of_the_wallet_counts_too(firm):
    wallet = firm.account.agent_wallets.get()
    wallet_check.ask_for_test(wallet=wallet, user=firm.head, actor=firm.actor(firm.head))
    wallet_check.probe(wallet_id=wallet.pk)
    assert len(found(firm, wallet).requests) == 1


def test_only_the_signer_counts_wherever_else_the_key_is_named(firm):
    wallet = firm.account.agent_wallets.get()
    data = {"signer": "another", "signed_text": wallet.public_key}
    log.record(log.Fact(Event.REQUEST, account=firm.account, data=data))
    assert found(firm, wallet).requests == []


@pytest.mark.parametrize(("stretch", "most"), [(3, 100), (1000, 2), (4, 1)])
def test_page_by_page_every_request_is_found_once(firm, stretch, most):
    limits = signed_by_wallet.Limits(stretch=stretch, found=most)
    sent = [cancelled(firm).pk for _ in range(5)]
    wallet, before, seen, looks = firm.account.agent_wallets.get(), None, [], 0
    while True:
        with CaptureQueriesContext(connection) as caught:
            looked = found(firm, wallet, before=before, limits=limits)
        assert caught[-1]["sql"].endswith(f"LIMIT {most + 1}")
        assert len(looked.requests) <= most
        seen, looks = seen + [one.pk for one in looked.requests], looks + 1
        if looked.before is None:
            break
        before = looked.before
    assert seen == sorted(sent, reverse=True)
    assert looks > 1


def test_one_look_goes_through_one_stretch_of_the_account(firm):
    oldest = cancelled(firm)
    for _ in range(3):
        log.record(log.Fact(Event.SYNC, account=firm.account))
    limits = signed_by_wallet.Limits(stretch=2)
    looked = found(firm, firm.account.agent_wallets.get(), limits=limits)
    assert looked.requests == []
    assert looked.before > oldest.pk


def test_no_look_goes_back_to_before_the_key_was_added(firm):
    wallet = firm.account.agent_wallets.get()
    for hours in (5, 3):  # the bound is the later of them
        early = now() - timedelta(hours=hours)
        log.record(log.Fact(Event.SYNC, account=firm.account, at=early))
    assert found(firm, wallet, limits=ONE_RECORD).before is None
    (since,) = log.record(log.Fact(Event.SYNC, account=firm.account))
    assert found(firm, wallet, limits=ONE_RECORD).before == since


def test_a_look_begins_where_the_key_was_disabled(firm):
    old, _ = another_wallet(firm)
    late = [
        log.record(log.Fact(Event.SYNC, account=firm.account, at=now() + timedelta(hours=hours)))
        for hours in (3, 5)
    ]
    assert found(firm, old, limits=ONE_RECORD).before < late[0][0]


def test_another_desk_sees_none_of_it(firm):
    cancelled(firm)
    wallet = firm.account.agent_wallets.get()
    assert signed_by_wallet.find(wallet=wallet, user=firm.stranger).requests == []
    address = url("orders_agentwallet_signed", wallet.pk)
    assert signed_in(firm.stranger).get(address).status_code == 404


def test_the_wallets_page_leads_there(firm):
    request, wallet = cancelled(firm), firm.account.agent_wallets.get()
    viewer = signed_in(firm.viewer)
    there = url("orders_agentwallet_signed", wallet.pk)
    assert there in page(viewer, "orders_agentwallet_change", wallet.pk)
    assert url("orders_auditrecord_change", request.pk) in page(
        viewer, "orders_agentwallet_signed", wallet.pk
    )
    assert viewer.get(there, {"before": "x"}).status_code == 404
