"""Agent wallets: a secret goes in once and no page ever shows it."""

import pytest
from solders.keypair import Keypair

from orders.accounts import wallet_check
from orders.models import AgentWallet, AuditRecord, Event
from tests.helpers.screens import folded, page, signed_in, url


def offer(client, account, agent, /, **fields):
    """Fill in the form and send it."""
    sound = {"account": account.pk, "public_key": str(agent.pubkey()), "secret": str(agent)}
    return client.post(url("orders_agentwallet_add"), sound | fields)


def test_a_desk_head_adds_an_agent_wallet_and_it_is_recorded(firm):
    agent = Keypair()
    answer = offer(signed_in(firm.head), firm.account, agent)
    wallet = AgentWallet.objects.get(public_key=str(agent.pubkey()))
    assert answer.url == url("orders_agentwallet_change", wallet.pk)
    assert wallet.created_by == firm.head
    added = AuditRecord.objects.filter(event=Event.AGENT_WALLET_ADDED, operator=firm.head)
    assert added.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"public_key": "nonsense"},
        {"public_key": str(Keypair().pubkey())},
        {"account": ""},
        {"account": "987654"},
    ],
)
def test_a_secret_is_never_echoed_even_after_an_error(firm, wrong):
    agent = Keypair()
    answer = offer(signed_in(firm.head), firm.account, agent, **wrong)
    assert answer.status_code == 422
    assert str(agent) not in folded(answer)
    assert answer.context["form"].errors


def test_a_secret_stands_on_no_page_and_in_no_record_afterwards(firm):
    agent = Keypair()
    head = signed_in(firm.head)
    offer(head, firm.account, agent)
    wallet = AgentWallet.objects.get(public_key=str(agent.pubkey()))
    pages = [page(head, "orders_agentwallet_change", wallet.pk)]
    pages += [page(head, f"orders_{noun}_changelist") for noun in ("agentwallet", "auditrecord")]
    assert not any(str(agent) in text for text in pages)


def test_the_main_key_is_refused_with_what_to_do_instead(firm):
    main = Keypair()
    account = firm.account
    account.address = str(main.pubkey())
    account.save()
    text = folded(offer(signed_in(firm.head), account, main))
    assert "main key" in text
    assert str(main) not in text


@pytest.mark.parametrize("person", ["operator", "viewer", "auditor"])
def test_only_who_manages_agents_may_add_or_disable(firm, person):
    client = signed_in(getattr(firm, person))
    wallet = firm.account.agent_wallets.get()
    assert offer(client, firm.account, Keypair()).status_code == 403
    assert client.post(url("orders_agentwallet_disable", wallet.pk)).status_code == 403
    wallet.refresh_from_db()
    assert wallet.is_active
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).exists()


def test_a_foreign_account_takes_no_agent_wallet(firm):
    answer = offer(signed_in(firm.head), firm.foreign_account, Keypair())
    assert answer.status_code == 422
    assert "Canary" not in folded(answer)
    assert firm.foreign_account.agent_wallets.count() == 1


def test_a_foreign_agent_wallet_cannot_be_disabled(firm):
    wallet = firm.foreign_account.agent_wallets.get()
    answer = signed_in(firm.head).post(url("orders_agentwallet_disable", wallet.pk))
    assert answer.status_code == 404
    wallet.refresh_from_db()
    assert wallet.is_active


def test_disable_and_enable_are_posts_and_recorded(firm):
    head, wallet = signed_in(firm.head), firm.account.agent_wallets.get()
    assert head.get(url("orders_agentwallet_disable", wallet.pk)).status_code == 405
    head.post(url("orders_agentwallet_disable", wallet.pk))
    wallet.refresh_from_db()
    assert not wallet.is_active
    head.post(url("orders_agentwallet_enable", wallet.pk))
    wallet.refresh_from_db()
    assert wallet.is_active
    events = AuditRecord.objects.filter(operator=firm.head).values_list("event", flat=True)
    assert {Event.AGENT_WALLET_DISABLED, Event.AGENT_WALLET_ENABLED} <= set(events)


def test_a_test_is_asked_for_by_post_recorded_and_followed(firm):
    head, wallet = signed_in(firm.head), firm.account.agent_wallets.get()
    assert head.get(url("orders_agentwallet_test", wallet.pk)).status_code == 405
    text = folded(head.post(url("orders_agentwallet_test", wallet.pk)))
    assert "waiting for a sender" in text
    assert "hx-trigger" in text
    wallet_check.probe(wallet_id=wallet.pk)
    text = page(head, "orders_agentwallet_finding", wallet.pk)
    assert "Bound" in text
    assert "hx-trigger" not in text
    viewer = signed_in(firm.viewer)
    assert viewer.post(url("orders_agentwallet_test", wallet.pk)).status_code == 403


def test_a_disabled_wallet_offers_no_test_and_one_asked_for_ends_in_words(firm):
    head, wallet = signed_in(firm.head), firm.account.agent_wallets.get()
    assert "Test this agent wallet" in page(head, "orders_agentwallet_change", wallet.pk)
    AgentWallet.objects.filter(pk=wallet.pk).update(is_active=False)
    text = page(head, "orders_agentwallet_change", wallet.pk)
    assert "Test this agent wallet" not in text
    assert "It cannot be tested: this agent wallet is disabled" in text
    head.post(url("orders_agentwallet_test", wallet.pk))  # from a page that was open
    wallet_check.probe(wallet_id=wallet.pk)
    assert firm.paper.requests("/agent/list") == []
    text = page(head, "orders_agentwallet_finding", wallet.pk)
    assert "Not tested: this agent wallet is disabled" in text
    assert "hx-trigger" not in text
