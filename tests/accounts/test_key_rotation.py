"""Keys are sealed anew under the newest key, one at a time, and grow too old to sign."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from orders.accounts import account_keys, key_rotation
from orders.keys import key_settings, sealing
from orders.models import (
    Account,
    AgentWallet,
    AuditRecord,
    Cancel,
    Event,
    PanicLine,
    SealedApiConfigKey,
    SealedKey,
)
from orders.panic import decision, worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def newest(firm, settings):
    """A new key in front of the old one; every stored key is still sealed with the old."""
    account_keys.set_api_config_key(
        account=firm.account,
        api_config_key="AbCd1234_2mBcDeFgH",
        user=firm.administrator,
        actor=firm.actor(firm.administrator),
    )
    opening, _ = key_settings.new_opening_key("newest")
    settings.AGENT_KEY_OPENING_KEYS = f"{opening},{settings.AGENT_KEY_OPENING_KEYS}"
    return opening


def sealed_with():
    rows = [*SealedKey.objects.all(), *SealedApiConfigKey.objects.all()]
    return [row.sealed_with for row in rows]


def test_after_a_rotation_the_newest_key_alone_opens_everything(firm, newest, run, settings):
    code, said, _ = run("rotate_keys")
    assert (code, "3 keys sealed anew, 0 refused" in said) == (0, True)
    assert sealed_with() == ["newest"] * 3
    settings.AGENT_KEY_OPENING_KEYS = newest
    assert sealing.open_signer(firm.account.agent_wallets.get())
    account = Account.objects.get(pk=firm.account.pk)
    assert sealing.open_api_config_key(account) == "AbCd1234_2mBcDeFgH"
    assert AuditRecord.objects.filter(event=Event.KEY_SEALED_ANEW).count() == 3


def test_a_rotation_killed_half_way_is_finished_by_the_next(firm, newest):
    half = key_rotation.rotate(actor=firm.actor())
    next(half)
    half.close()
    assert sorted(sealed_with()) == ["newest", "test", "test"]
    assert len(list(key_rotation.rotate(actor=firm.actor()))) == 2
    assert sealed_with() == ["newest"] * 3
    assert list(key_rotation.rotate(actor=firm.actor())) == []


def test_a_key_taken_away_meanwhile_does_not_end_the_rotation(firm, newest):
    half = key_rotation.rotate(actor=firm.actor())
    next(half)
    SealedKey.objects.exclude(sealed_with="newest").delete()
    assert [one.is_sealed for one in half] == [True]
    assert set(sealed_with()) == {"newest"}


def test_a_key_that_was_stored_under_the_old_one_meanwhile_is_told_of(
    firm, newest, run, monkeypatch
):
    rotate = key_rotation.rotate

    def meanwhile(**given):
        yield from rotate(**given)
        SealedKey.objects.filter(pk=SealedKey.objects.first().pk).update(sealed_with="test")

    monkeypatch.setattr(key_rotation, "rotate", meanwhile)
    code, _, said = run("rotate_keys")
    assert (code, "older key still: run this again" in said) == (1, True)


def test_of_two_rotations_at_once_each_key_is_sealed_anew_by_one(firm, newest):
    late = key_rotation.rotate(actor=firm.actor())
    next(late)
    assert len(list(key_rotation.rotate(actor=firm.actor()))) == 2
    assert list(late) == []
    assert sealed_with() == ["newest"] * 3
    assert AuditRecord.objects.filter(event=Event.KEY_SEALED_ANEW).count() == 3


def test_a_key_replaced_meanwhile_is_not_counted_as_sealed_anew(firm, newest, run, monkeypatch):
    def replaced(sealed):
        type(sealed).objects.filter(pk=sealed.pk).update(sealed=b"of another", sealed_with="newest")
        return "newest", b"anew"

    monkeypatch.setattr(sealing, "resealed", replaced)
    code, said, _ = run("rotate_keys")
    assert (code, "was replaced meanwhile" in said) == (0, True)
    assert "0 keys sealed anew, 0 refused" in said


def test_a_key_that_does_not_open_is_left_as_it_is_and_named(firm, newest, run):
    first = SealedKey.objects.order_by("pk").first()
    SealedKey.objects.filter(pk=first.pk).update(sealed=b"x" * 100)
    code, said, wrong = run("rotate_keys")
    assert code != 0
    assert "Keep the old opening keys" in wrong
    assert "2 keys sealed anew, 1 refused" in said
    assert bytes(SealedKey.objects.get(pk=first.pk).sealed) == b"x" * 100
    assert AuditRecord.objects.filter(event=Event.KEY_REFUSED).count() == 1


def test_nothing_is_sealed_to_a_key_that_nobody_holds(firm, run, settings):
    _, settings.AGENT_KEY_SEALING_KEY = key_settings.new_opening_key("elsewhere")
    code, _, wrong = run("rotate_keys")
    assert code != 0
    assert "AGENT_KEY_OPENING_KEYS" in wrong
    assert set(sealed_with()) == {"test"}


def test_a_sealing_key_left_behind_stops_the_rotation_by_name(firm, run, settings):
    _, settings.AGENT_KEY_SEALING_KEY = old = key_settings.new_opening_key("old")
    new, _ = key_settings.new_opening_key("new")
    settings.AGENT_KEY_OPENING_KEYS = f"{new},{old[0]},{settings.AGENT_KEY_OPENING_KEYS}"
    code, _, wrong = run("rotate_keys")
    assert code != 0
    assert "AGENT_KEY_SEALING_KEY: seals with 'old', but 'new' stands first" in wrong
    assert set(sealed_with()) == {"test"}


def test_halves_of_two_pairs_under_one_id_are_refused(firm, run, settings):
    _, settings.AGENT_KEY_SEALING_KEY = key_settings.new_opening_key("test")
    code, _, wrong = run("rotate_keys")
    assert code != 0
    assert "AGENT_KEY_SEALING_KEY: is not the public half of 'test'" in wrong


def test_an_id_that_is_there_twice_is_refused(firm, run, settings):
    again, _ = key_settings.new_opening_key("test")
    settings.AGENT_KEY_OPENING_KEYS = f"{again},{settings.AGENT_KEY_OPENING_KEYS}"
    code, _, wrong = run("rotate_keys")
    assert code != 0
    assert "AGENT_KEY_OPENING_KEYS: one id is there twice" in wrong


def test_a_run_with_nothing_to_do_says_what_it_found(firm, run):
    code, said, _ = run("rotate_keys")
    assert code == 0
    assert said.strip() == "Stored keys: 2 sealed with 'test'. The first opening key is 'test'."
    SealedKey.objects.all().delete()
    assert "Stored keys: none." in run("rotate_keys")[1]


def aged(wallet, days):
    AgentWallet.objects.filter(pk=wallet.pk).update(created_at=now() - timedelta(days=days))
    return AgentWallet.objects.get(pk=wallet.pk)


def test_an_agent_wallet_too_old_signs_nothing_but_a_panic(firm, settings):
    young = aged(firm.account.agent_wallets.get(), settings.AGENT_WALLET_STOP_DAYS - 1)
    assert sealing.open_signer(young)
    assert sealing.is_ageing(young)
    old = aged(young, settings.AGENT_WALLET_STOP_DAYS)
    with pytest.raises(sealing.CannotOpen, match="older than 180 days"):
        sealing.open_signer(old)
    assert sealing.open_signer(old, despite_age=True)
    assert not sealing.is_ageing(aged(old, settings.AGENT_WALLET_WARN_DAYS - 1))


def test_what_a_panic_left_over_is_signed_by_an_old_agent_wallet_too(firm, settings):
    aged(firm.account.agent_wallets.get(), settings.AGENT_WALLET_STOP_DAYS)
    firm.paper.rules(cancel_all_takes_stops=False)
    firm.orders(1, order_type="stop_limit", stop_price="40000")
    decision.record_panic(desk_id=firm.momentum.pk, user=firm.operator, actor=firm.actor())
    (line,) = worker.claim_lines(now())
    worker.empty(line)
    assert Cancel.objects.get().status == "cancelled"
    assert PanicLine.objects.get().status == "empty"
