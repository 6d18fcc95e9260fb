"""A refused act leaves a record and no trace else, whichever door it came through."""

import re
import uuid

import pytest
from django.utils.timezone import now
from solders.keypair import Keypair

from orders.access.permissions import NotAllowed
from orders.accounts import account_keys, wallet_check
from orders.audit import sentences
from orders.models import (
    AgentWallet,
    AuditRecord,
    Cancel,
    Drift,
    Event,
    Role,
    SealedApiConfigKey,
)
from orders.reconcile import discrepancies
from tests.helpers.screens import click, known_order, signed_in, url

API_CONFIG_KEY = "AbCd1234_2mBcDeFgH"


def refusals():
    """Every refused act on record, in words, oldest first."""
    records = AuditRecord.objects.filter(event=Event.ACT_REFUSED).order_by("position")
    return [sentences.of_record(record) for record in records]


def add(firm, by, account):
    agent = Keypair()
    account_keys.add_agent_wallet(
        account=account, public_key=str(agent.pubkey()), secret=str(agent), **by
    )


def disable(firm, by, account):
    account_keys.disable_agent_wallet(wallet=account.agent_wallets.first(), **by)


def enable(firm, by, account):
    AgentWallet.objects.filter(account=account).update(is_active=False)
    account_keys.enable_agent_wallet(wallet=account.agent_wallets.first(), **by)


def try_out(firm, by, account):
    wallet_check.ask_for_test(wallet=account.agent_wallets.first(), **by)


def set_key(firm, by, account):
    account_keys.set_api_config_key(account=account, api_config_key=API_CONFIG_KEY, **by)


def remove_key(firm, by, account):
    account_keys.remove_api_config_key(account=account, **by)


def acknowledge(firm, by, account):
    order = known_order(account, 71_000_000_001)
    drift = Drift.objects.create(account=account, order=order, kind="gone", said="x", seen_at=now())
    discrepancies.acknowledge(drift_ids=[drift.pk], **by)


OF_HEADS = [add, disable, enable, try_out]
OF_ADMINISTRATORS = [set_key, remove_key]
NOBODYS = [
    *((act, who) for act in OF_HEADS for who in ("viewer", "operator", "auditor", "stranger")),
    *((act, who) for act in OF_ADMINISTRATORS for who in ("head", "operator", "stranger")),
    *((acknowledge, who) for who in ("viewer", "auditor", "stranger", "administrator")),
]


def state():
    wallets = AgentWallet.objects.order_by("pk").values_list("pk", "is_active", "test_asked_at")
    drifts = Drift.objects.filter(acknowledged_at__isnull=False)
    return list(wallets), list(drifts), list(SealedApiConfigKey.objects.values_list())


@pytest.mark.parametrize(
    ("act", "who"), NOBODYS, ids=[f"{act.__name__} by {who}" for act, who in NOBODYS]
)
def test_rights_are_asked_below_every_page(firm, act, who):
    person = getattr(firm, who)
    if act is enable:
        AgentWallet.objects.update(is_active=False)
    before, said = state(), len(refusals())
    with pytest.raises(NotAllowed) as refused:
        act(firm, {"user": person, "actor": firm.actor(person)}, firm.account)
    assert state() == before
    assert len(refusals()) == said + 1
    assert refusals()[-1].startswith(f"{person} was refused: ")
    assert "Alpha" not in str(refused.value) + refusals()[-1]


@pytest.mark.parametrize("act", OF_HEADS)
@pytest.mark.parametrize("who", ["head", "administrator"])
def test_who_manages_agents_does_each_of_these(firm, act, who):
    person = getattr(firm, who)
    act(firm, {"user": person, "actor": firm.actor(person)}, firm.account)
    assert refusals() == []


def test_a_head_here_is_none_there(firm):
    firm.basis.memberships.create(user=firm.head, role=Role.OPERATOR)
    for act in OF_HEADS:
        with pytest.raises(NotAllowed):
            act(firm, {"user": firm.head, "actor": firm.actor(firm.head)}, firm.foreign_account)


def test_the_command_asks_for_the_rights_of_whom_it_acts_for(firm, run):
    agent = Keypair()
    about = ["--account", "Alpha", "--public-key", str(agent.pubkey()), "--operator", "olivia"]
    code, _, wrong = run("add_agent_wallet", *about, stdin=str(agent))
    assert (code, account_keys.NOT_YOURS in wrong) == (2, True)
    assert len(refusals()) == 1


FORGED = [
    ("viewer", "orders_agentwallet_add", {}, 403),
    ("operator", "orders_preview_scope", {}, 403),
    ("head", "orders_desk_add", {"name": "Mine"}, 403),
    ("head", "auth_user_add", {"username": "me"}, 403),
    ("viewer", "orders_panicline_pull", {}, 403),
    ("viewer", "orders_order_changelist", {"action": "cancel_selected"}, 403),
    ("operator", "orders_cancel_changelist", {"action": "close"}, 403),
    ("head", "orders_account_changelist", {"action": "delete_selected"}, 403),
    ("operator", "orders_export_ask", {}, 403),
    ("operator", "orders_account_sync", {"account": "0"}, 404),
]


@pytest.mark.parametrize(("who", "name", "form", "status"), FORGED)
def test_a_forged_post_is_refused_on_the_record_once(firm, who, name, form, status):
    answer = signed_in(getattr(firm, who)).post(url(name), form)
    assert answer.status_code == status
    assert len(refusals()) == 1
    assert not Cancel.objects.exists()


def without_token(text):
    """The page without what is another each time it is drawn."""
    return re.sub(r'\b[A-Za-z0-9]{64}\b|\b\d{13}\b|position="\d+"', "…", text)


def test_a_foreign_row_is_as_missing_as_a_missing_one_and_both_are_on_record(firm):
    client = signed_in(firm.operator)
    foreign, missing = firm.foreign_account.agent_wallets.get().pk, 987_654
    pages = []
    for pk in (foreign, missing):
        answer = client.post(url("orders_agentwallet_disable", pk))
        assert answer.status_code == 404
        pages.append(without_token(answer.content.decode()).replace(f"/{pk}/", "/…/"))
    assert pages[0] == pages[1]
    assert len(refusals()) == 2


def test_what_was_refused_below_the_page_is_recorded_no_second_time(firm):
    client = signed_in(firm.viewer)
    wallet = firm.account.agent_wallets.get()
    assert client.post(url("orders_agentwallet_disable", wallet.pk)).status_code == 403
    assert click(client, known_order(firm.account, 71_000_000_001)).status_code == 403
    assert len(refusals()) == 2
    assert not Cancel.objects.exists()


def test_looking_where_one_may_not_is_no_act(firm):
    client = signed_in(firm.viewer)
    assert client.get(url("auth_user_add")).status_code == 403
    assert client.get(url("orders_order_change", 987_654)).status_code == 404
    assert refusals() == []


def test_a_foreign_account_in_the_agent_wallet_form_is_on_record(firm):
    agent = Keypair()
    form = {"account": firm.foreign_account.pk, "public_key": str(agent.pubkey())}
    answer = signed_in(firm.head).post(url("orders_agentwallet_add"), form | {"secret": str(agent)})
    assert answer.status_code == 422
    assert len(refusals()) == 1


def test_an_act_without_the_second_factor_is_on_record(firm, settings):
    settings.SECOND_FACTOR_REQUIRED = True
    order = known_order(firm.account, 71_000_000_001)
    answer = signed_in(firm.operator).post(
        url("orders_order_cancel", order.pk), {"request_key": str(uuid.uuid4())}
    )
    assert answer.status_code == 403
    assert "without the second factor" in refusals()[0]
