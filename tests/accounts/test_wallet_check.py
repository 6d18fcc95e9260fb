"""Test an agent wallet: a harmless signed read that tells what is wrong, in words."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.accounts import account_keys, unheld_wallets, wallet_check
from orders.audit import sentences
from orders.evidence import verify
from orders.management import sweep
from orders.models import Account, AgentWallet, Alert, AuditRecord, Event
from orders.operations.alerts import watch


def after_test(firm, account=None):
    wallet = (account or firm.account).agent_wallets.get()
    wallet_check.ask_for_test(wallet=wallet, user=firm.head, actor=firm.actor(firm.head))
    wallet_check.probe(wallet_id=wallet.pk)
    return AgentWallet.objects.get(pk=wallet.pk)


def test_a_bound_wallet_is_bound(firm):
    assert after_test(firm).test_outcome == wallet_check.BOUND


def test_an_unbound_wallet_is_not_bound(firm):
    account = firm.new_account("Unbound", firm.momentum, is_bound=False)
    assert after_test(firm, account).test_outcome == wallet_check.NOT_BOUND


def test_a_wallet_without_beta_access_is_told_so(firm):
    firm.paper.rules(beta_required=[firm.account.agent_wallets.get().public_key])
    assert after_test(firm).test_outcome == wallet_check.BETA


@pytest.mark.parametrize(
    ("fault", "outcome", "words"),
    [
        ({"kind": "drop"}, wallet_check.UNREACHABLE, "did not answer"),
        ({"kind": "status", "status": 500, "body": "what?"}, wallet_check.CANNOT_TELL, "what?"),
        (
            {"kind": "status", "status": 400, "body": "Verification failed"},
            wallet_check.REFUSED,
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


def test_the_absence_of_an_answer_is_recorded_with_its_times(firm):
    firm.paper.fault("/agent/list", "drop")
    after_test(firm)
    told = json.loads(AuditRecord.objects.filter(event=Event.AGENT_WALLET_TESTED).first().data)
    assert told["may_have_been_sent"] is True
    assert told["reason"]
    assert told["sent_at"] <= told["failed_at"]


def test_a_test_is_made_once(firm):
    wallet = firm.account.agent_wallets.get()
    wallet_check.ask_for_test(wallet=wallet, user=firm.head, actor=firm.actor(firm.head))
    wallet_check.probe(wallet_id=wallet.pk)
    wallet_check.probe(wallet_id=wallet.pk)
    assert len(firm.paper.requests("/agent/list")) == 1


@pytest.fixture
def strange(firm):
    """An agent wallet that the exchange accepts for our account, and that we do not hold."""
    wallet, strange = firm.account.agent_wallets.get(), str(firm.keypair().pubkey())
    firm.paper.account(firm.account.address, agents=[wallet.public_key, strange])
    return strange


def test_an_agent_wallet_that_we_do_not_hold_raises_an_alarm(firm, strange):
    wallet = firm.account.agent_wallets.get()
    said = after_test(firm).test_said
    assert "ALARM" in said
    assert strange in said
    assert wallet.public_key not in said
    assert strange in AuditRecord.objects.filter(event=Event.AGENT_WALLET_TESTED).first().data


def test_wallets_that_we_hold_raise_none(firm):
    assert "ALARM" not in after_test(firm).test_said


def a_day_later(**more):
    return timezone.now() + timedelta(days=1, **more)


def round_of_the_sweep(now):
    wallet_check.ask_daily(now)
    sweep.probe_overdue(now + sweep.GRACE)


def test_each_active_wallet_is_tested_at_once_and_then_once_a_day_on_the_record(firm):
    AgentWallet.objects.exclude(account=firm.account).update(is_active=False)
    round_of_the_sweep(timezone.now())
    round_of_the_sweep(a_day_later(minutes=-1))
    assert len(firm.paper.requests("/agent/list")) == 1
    round_of_the_sweep(a_day_later())
    round_of_the_sweep(a_day_later(minutes=-1))
    assert len(firm.paper.requests("/agent/list")) == 2
    assert firm.account.agent_wallets.get().test_outcome == wallet_check.BOUND
    asked = AuditRecord.objects.filter(event=Event.AGENT_WALLET_TESTED, outcome="asked")
    assert [record.operator_name for record in asked] == ["(sender)"] * 2
    AgentWallet.objects.update(is_active=False)
    round_of_the_sweep(a_day_later(hours=48))
    assert len(firm.paper.requests("/agent/list")) == 2


def test_an_alarm_is_told_and_stands_until_the_exchange_shows_otherwise(firm, strange):
    wallet = after_test(firm)
    watch.watch(timezone.now())
    alert = Alert.objects.get()
    assert alert.kind == "not_ours"
    assert alert.desk_name == firm.momentum.name
    assert strange in alert.said
    firm.paper.fault("/agent/list", "drop")
    assert strange in after_test(firm).test_said
    watch.watch(timezone.now())
    assert Alert.objects.get().over_at is None
    firm.paper.account(firm.account.address, agents=[wallet.public_key])
    after_test(firm)
    watch.watch(timezone.now())
    assert Alert.objects.get().over_at is not None


def alarm_after_a_look():
    watch.watch(timezone.now())
    return Alert.objects.current().filter(kind="not_ours").first()


def test_the_alarm_stands_though_a_new_wallet_takes_the_place_of_ours(firm, strange):
    """The natural answer to the alarm: a new wallet in, the old one out."""
    after_test(firm)
    assert strange in alarm_after_a_look().said
    old, key = firm.account.agent_wallets.get(), firm.keypair()
    by = {"user": firm.head, "actor": firm.actor(firm.head)}
    new, _ = account_keys.add_agent_wallet(
        account=firm.account, public_key=str(key.pubkey()), secret=str(key), **by
    )
    account_keys.disable_agent_wallet(wallet=old, **by)
    assert strange in alarm_after_a_look().said
    wallet_check.probe(wallet_id=new.pk)  # it is not bound yet: no list is read
    assert strange in alarm_after_a_look().said
    firm.paper.account(firm.account.address, agents=[new.public_key])
    wallet_check.ask_for_test(wallet=new, **by)
    wallet_check.probe(wallet_id=new.pk)
    assert alarm_after_a_look() is None


def test_a_wallet_that_is_enabled_again_is_tested_at_once(firm, strange):
    AgentWallet.objects.exclude(account=firm.account).update(is_active=False)
    AgentWallet.objects.update(tested_at=timezone.now())
    wallet, by = firm.account.agent_wallets.get(), {"user": firm.head, "actor": firm.actor()}
    account_keys.disable_agent_wallet(wallet=wallet, **by)
    round_of_the_sweep(timezone.now())
    assert firm.paper.requests("/agent/list") == []
    account_keys.enable_agent_wallet(wallet=wallet, **by)
    round_of_the_sweep(timezone.now())
    assert strange in alarm_after_a_look().said


def test_a_list_counts_for_every_account_of_its_address(firm, strange):
    desk, address = firm.foreign_account.desk, firm.account.address
    twin = Account.objects.create(desk=desk, name="Twin", address=address)
    twin.agent_wallets.create(public_key="twin's", created_by=firm.head)
    wallet = after_test(firm, firm.account)
    watch.watch(timezone.now())
    told = Alert.objects.current().filter(kind="not_ours").values_list("desk_name", flat=True)
    assert set(told) == {firm.momentum.name, desk.name}
    firm.paper.account(address, agents=[wallet.public_key])
    after_test(firm, firm.account)
    assert alarm_after_a_look() is None


def test_what_an_older_release_left_with_a_wallet_is_no_alarm_once_another_read_a_clean_list(firm):
    now, old = timezone.now(), firm.account.agent_wallets.get()
    columns = {"unheld": "stranger", "is_active": False, "tested_at": now - timedelta(days=9)}
    AgentWallet.objects.filter(pk=old.pk).update(**columns)
    assert alarm_after_a_look() is not None
    new = AgentWallet.objects.create(
        account=firm.account, public_key="new", created_by=firm.head, tested_at=now
    )
    AgentWallet.objects.filter(pk=new.pk).update(test_outcome=wallet_check.NOT_BOUND)
    assert alarm_after_a_look() is not None
    AgentWallet.objects.filter(pk=new.pk).update(test_outcome=wallet_check.BOUND)
    assert alarm_after_a_look() is None


def test_words_of_the_exchange_raise_no_alarm(firm):
    firm.paper.fault("/agent/list", "status", status=400, body="ALARM: not one of ours")
    assert "ALARM: not one of ours" in after_test(firm).test_said
    watch.watch(timezone.now())
    assert not Alert.objects.exists()


def dies_in_a_test(firm, monkeypatch):
    """A sender that stops once its request was sent; when it did, and the wallet it tested."""
    wallet = firm.account.agent_wallets.get()
    wallet_check.ask_for_test(wallet=wallet, user=firm.head, actor=firm.actor(firm.head))
    with monkeypatch.context() as patch:
        patch.setattr(wallet_check, "_read", lambda wallet, answer: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            wallet_check.probe(wallet_id=wallet.pk)
    return timezone.now(), wallet


def test_a_test_whose_sender_died_is_made_again_and_its_request_gets_an_end(firm, monkeypatch):
    died_at, wallet = dies_in_a_test(firm, monkeypatch)
    sweep.probe_overdue(died_at + sweep.GRACE)
    assert len(firm.paper.requests("/agent/list")) == 1
    later = died_at + wallet_check.TAKEN_FOR
    assert wallet_check.overdue(later, sweep.GRACE) == []
    wallet_check.probe(wallet_id=wallet.pk, clock=lambda: later)
    assert firm.account.agent_wallets.get().test_outcome == wallet_check.BOUND
    told = AuditRecord.objects.filter(event=Event.AGENT_WALLET_TESTED).order_by("position")
    assert list(told.values_list("outcome", flat=True)) == ["asked", "sender_lost", "bound"]
    monkeypatch.setattr(
        "orders.evidence.outcome_checks.clock", lambda: timezone.now() + timedelta(days=1)
    )
    assert verify.verify().faults == []


def test_a_test_under_way_is_not_asked_for_anew(firm, monkeypatch):
    died_at, wallet = dies_in_a_test(firm, monkeypatch)
    wallet_check.ask_for_test(wallet=wallet, user=firm.head, actor=firm.actor(firm.head))
    wallet_check.probe(wallet_id=wallet.pk)
    assert len(firm.paper.requests("/agent/list")) == 1
    assert wallet_check.overdue(died_at + wallet_check.TAKEN_FOR * 2, sweep.GRACE) == [wallet.pk]


def listing(firm, *agents):
    body = json.dumps({"success": True, "data": {"agent_wallets": agents}})
    firm.paper.fault("/agent/list", "status", status=200, body=body, times=None)


def test_an_entry_that_cannot_be_read_hides_no_wallet_of_ours_and_raises_an_alarm(firm):
    ours = firm.account.agent_wallets.get().public_key
    listing(firm, {"key": ours}, ours)
    wallet = after_test(firm)
    assert wallet.test_outcome == wallet_check.BOUND
    assert "ALARM" in wallet.test_said
    assert f'{unheld_wallets.ODD} {{"key": "{ours[:9]}' in wallet.test_said


def test_an_entry_that_cannot_be_read_hides_no_wallet_of_a_stranger(firm, strange):
    listing(firm, 5, strange, firm.account.agent_wallets.get().public_key)
    assert strange in after_test(firm).unheld


def test_a_wallet_that_may_be_an_entry_that_cannot_be_read_is_not_called_unbound(firm):
    listing(firm, 5)
    wallet = after_test(firm)
    assert wallet.test_outcome == wallet_check.CANNOT_TELL
    assert wallet_check.MAYBE_ODD in wallet.test_said
    assert f"{unheld_wallets.ODD} 5" in wallet.unheld


@pytest.mark.parametrize(
    ("silent", "why"),
    [
        ("wallet", "this agent wallet is disabled"),
        ("account", "its account is deactivated"),
        ("desk", "its desk is deactivated"),
    ],
)
def test_nothing_is_signed_for_a_test_once_its_wallet_may_not_sign(firm, silent, why):
    wallet = firm.account.agent_wallets.get()
    by = {"user": firm.administrator, "actor": firm.actor(firm.administrator)}
    wallet_check.ask_for_test(wallet=wallet, **by)
    row = {"wallet": wallet, "account": firm.account, "desk": firm.momentum}[silent]
    type(row).objects.filter(pk=row.pk).update(is_active=False)
    wallet_check.probe(wallet_id=wallet.pk)
    assert firm.paper.requests("/agent/list") == []
    assert not AuditRecord.objects.filter(event=Event.REQUEST).exists()
    wallet.refresh_from_db()
    assert (wallet.test_asked_at, wallet.test_outcome) == (None, wallet_check.SILENT)
    assert wallet.test_said == f"Not tested: {why}, so nothing is signed with it."
    record = AuditRecord.objects.filter(event=Event.AGENT_WALLET_TESTED).first()
    assert sentences.of_record(record) == f"Agent wallet {wallet} of Alpha: {wallet.test_said}"
    wallet_check.probe(wallet_id=wallet.pk)
    assert AuditRecord.objects.filter(outcome=wallet_check.SILENT).count() == 1
    assert verify.verify().faults == []


def test_a_test_that_was_lost_is_not_made_again_once_its_wallet_is_disabled(firm, monkeypatch):
    died_at, wallet = dies_in_a_test(firm, monkeypatch)
    AgentWallet.objects.filter(pk=wallet.pk).update(is_active=False)
    later = died_at + wallet_check.TAKEN_FOR
    wallet_check.probe(wallet_id=wallet.pk, clock=lambda: later)
    assert len(firm.paper.requests("/agent/list")) == 1
    told = AuditRecord.objects.filter(event=Event.AGENT_WALLET_TESTED).order_by("position")
    outcomes = list(told.values_list("outcome", flat=True))
    assert outcomes == ["asked", wallet_check.LOST, wallet_check.SILENT]


def test_a_test_of_what_may_not_sign_leaves_the_alarm_as_it_is(firm, strange):
    wallet = after_test(firm)
    AgentWallet.objects.filter(pk=wallet.pk).update(is_active=False)
    assert strange in after_test(firm).unheld
    assert alarm_after_a_look().said.endswith(unheld_wallets.ENDS)
