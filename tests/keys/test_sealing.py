"""Agent keys: taken in any form people hold them in, sealed, opened only where they belong."""

import base64
import json
import logging

import pytest
from django.utils.timezone import now
from solders.keypair import Keypair

from orders.accounts import account_keys, wallet_check
from orders.audit import sentences
from orders.cancels import requests
from orders.delivery import worker
from orders.keys import key_settings, sealing
from orders.models import AuditRecord, Cancel, Event, PanicLine, SealedKey
from orders.panic import decision
from orders.panic import worker as panic_worker
from tests.helpers.screens import known_order

pytestmark = pytest.mark.django_db

AGENT = Keypair.from_seed(bytes(range(32, 64)))
ZERO_FIRST = Keypair.from_seed(bytes(range(32)))  # its seed starts with a zero byte
MAIN = "9" + "C6hybhQ6Aycep9jaUnP6uL9ZYvDjUp1aSkFWPUFJtpj"


def forms(keypair):
    from solders.pubkey import Pubkey

    return {
        "64 bytes": str(keypair),
        "seed": str(Pubkey.from_bytes(bytes(keypair)[:32])),
        "solana-keygen": json.dumps(list(bytes(keypair))),
    }


@pytest.mark.parametrize("form", ["64 bytes", "seed", "solana-keygen"])
@pytest.mark.parametrize("keypair", [AGENT, ZERO_FIRST], ids=["agent", "zero first"])
def test_every_form_of_a_secret_is_read(form, keypair):
    public_key = str(keypair.pubkey())
    raw = sealing.read_secret(f" {forms(keypair)[form]}\n", public_key=public_key, account=MAIN)
    assert raw == bytes(keypair)


def test_halves_that_do_not_match_are_refused():
    raw = bytes(AGENT)[:32] + bytes(ZERO_FIRST)[32:]
    with pytest.raises(sealing.BadAgentKey, match="halves"):
        sealing.read_secret(json.dumps(list(raw)), public_key=str(AGENT.pubkey()), account=MAIN)


def test_the_accounts_main_key_is_refused():
    address = str(AGENT.pubkey())
    with pytest.raises(sealing.BadAgentKey, match="main key"):
        sealing.read_secret(str(AGENT), public_key=address, account=address)


def test_another_wallets_secret_is_refused():
    with pytest.raises(sealing.BadAgentKey, match="not to the agent wallet"):
        sealing.read_secret(str(AGENT), public_key=str(ZERO_FIRST.pubkey()), account=MAIN)


@pytest.mark.parametrize(
    "junk", ["", "hello", "0OIl", "[1,2,3]", "[300]", '["a"]', "[" * 9999, "1" * 500]
)
def test_junk_gets_a_sentence_that_does_not_repeat_it(junk):
    with pytest.raises(sealing.BadAgentKey) as refusal:
        sealing.read_secret(junk, public_key=str(AGENT.pubkey()), account=MAIN)
    assert len(junk) < 4 or junk not in str(refusal.value)


def test_a_sealed_key_opens_and_signs_as_its_agent_wallet(firm):
    signer = sealing.open_signer(firm.account.agent_wallets.get())
    request = signer.list_agent_wallets(timestamp=1, expiry_window=5000)
    assert request.signer == str(firm.account.agent_keypair.pubkey())
    assert request.account == firm.account.address


def test_the_secret_is_nowhere_in_the_sealed_column(firm):
    secret = bytes(firm.account.agent_keypair)
    sealed = bytes(SealedKey.objects.get(agent_wallet__account=firm.account).sealed)
    assert secret[:32] not in sealed
    assert secret[:16] not in sealed


def test_a_sealed_key_copied_to_another_account_opens_nothing(firm):
    other = firm.new_account("Beta", firm.momentum)
    sealed = SealedKey.objects.get(agent_wallet__account=firm.account).sealed
    SealedKey.objects.filter(agent_wallet__account=other).update(sealed=sealed)
    with pytest.raises(sealing.CannotOpen, match="changed or belongs elsewhere"):
        sealing.open_signer(other.agent_wallets.get())


def damage(firm, how):
    """Change the sealed column of the firm's account, as somebody with the database could."""
    row = SealedKey.objects.get(agent_wallet__account=firm.account)
    raw = bytes(row.sealed)
    other = SealedKey.objects.exclude(pk=row.pk).first()
    damaged = {
        "flip": raw[:-1] + bytes([raw[-1] ^ 1]),
        "cut": raw[:-7],
        "empty": b"",
        "plaintext": bytes(firm.account.agent_keypair),
        "swap": bytes(other.sealed),
    }[how]
    SealedKey.objects.filter(pk=row.pk).update(sealed=damaged)


DAMAGES = ["flip", "cut", "empty", "plaintext", "swap"]


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_sealed_key_opens_nothing(firm, how):
    damage(firm, how)
    with pytest.raises(sealing.CannotOpen):
        sealing.open_signer(firm.account.agent_wallets.get())


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_sealed_key_blocks_its_account_alone_and_is_recorded(firm, how):
    damage(firm, how)
    other = firm.new_account("Beta", firm.momentum)
    about = {"user": firm.operator, "actor": firm.actor()}
    for account in (firm.account, other):
        order = known_order(account, 71_000_000_001)
        requests.cancel_orders(order_ids=[order.pk], **about)
        worker.deliver_account(account_id=account.pk)
    assert len(firm.paper.requests("/orders/cancel")) == 1
    assert [r.account for r in refused_keys()] == [firm.account]
    assert Cancel.objects.get(account=firm.account).status == "refused"


def refused_keys():
    return list(AuditRecord.objects.filter(event=Event.KEY_REFUSED).order_by("position"))


def test_a_panic_and_a_test_with_a_damaged_key_are_recorded_as_such(firm):
    damage(firm, "flip")
    wallet = firm.account.agent_wallets.get()
    decision.record_panic(desk_id=firm.momentum.pk, user=firm.operator, actor=firm.actor())
    (line,) = panic_worker.claim_lines(now())
    panic_worker.empty(line)
    assert PanicLine.objects.get().status == "needs_you"
    wallet_check.ask_for_test(wallet=wallet, user=firm.head, actor=firm.actor(firm.head))
    wallet_check.probe(wallet_id=wallet.pk)
    assert len(refused_keys()) == 2
    assert all("was changed" in sentences.of_record(record) for record in refused_keys())
    assert all(request["method"] == "GET" for request in firm.paper.requests())


def test_a_key_of_another_network_opens_nothing(firm, settings):
    settings.PACIFICA_NETWORK = "testnet"
    with pytest.raises(sealing.CannotOpen):
        sealing.open_signer(firm.account.agent_wallets.get())


def test_an_older_opening_key_still_opens_what_it_sealed(firm, settings):
    new, _ = key_settings.new_opening_key("new")
    settings.AGENT_KEY_OPENING_KEYS = f"{new},{settings.AGENT_KEY_OPENING_KEYS}"
    assert sealing.open_signer(firm.account.agent_wallets.get())
    assert (
        firm.new_account("Beta", firm.momentum).agent_wallets.get().sealed_key.sealed_with == "new"
    )


def test_without_the_opening_key_nothing_opens_and_it_says_which_is_missing(firm, settings):
    settings.AGENT_KEY_OPENING_KEYS, _ = key_settings.new_opening_key("other")
    with pytest.raises(sealing.CannotOpen, match="'test'"):
        sealing.open_signer(firm.account.agent_wallets.get())


def test_the_public_half_alone_takes_keys_in(firm, settings):
    opening, settings.AGENT_KEY_SEALING_KEY = key_settings.new_opening_key("web")
    settings.AGENT_KEY_OPENING_KEYS = ""
    wallet = firm.new_account("Beta", firm.momentum).agent_wallets.get()
    with pytest.raises(sealing.CannotOpen):
        sealing.open_signer(wallet)
    settings.AGENT_KEY_OPENING_KEYS = opening
    assert sealing.open_signer(wallet)


@pytest.mark.parametrize("value", ["x", "id:", "id:AAAA", ":AAAA", "id:!!!!"])
def test_an_ill_formed_key_setting_is_named_and_not_shown(settings, value):
    settings.AGENT_KEY_OPENING_KEYS = value
    with pytest.raises(key_settings.KeySettingsWrong, match="AGENT_KEY_OPENING_KEYS") as wrong:
        key_settings.opening_keys()
    assert value not in str(wrong.value) or len(value) < 4


def test_one_agent_wallet_signs_for_one_account_only(firm):
    agent, other = firm.account.agent_keypair, firm.new_account("Beta", firm.momentum)
    with pytest.raises(sealing.BadAgentKey, match="Give each account its own"):
        account_keys.add_agent_wallet(
            account=other,
            public_key=str(agent.pubkey()),
            secret=str(agent),
            user=firm.head,
            actor=firm.actor(firm.head),
        )


def test_a_signer_shows_no_secret(firm, caplog):
    caplog.set_level(logging.DEBUG)
    signer = sealing.open_signer(firm.account.agent_wallets.get())
    logging.getLogger("x").warning("%r %s", signer, signer)
    assert str(firm.account.agent_keypair) not in caplog.text + repr(vars(signer))


def test_adding_a_wallet_is_recorded_without_its_secret(firm):
    secret = firm.account.agent_keypair
    encoded = [str(secret), base64.b64encode(bytes(secret)).decode(), bytes(secret).hex()]
    for record in AuditRecord.objects.all():
        assert not any(form in record.data for form in encoded)
