"""A pasted key is read however it was copied, or called what it is, and never repeated."""

import base64
import json

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from orders.keys import pasted_keys, sealing
from tests.keys.test_sealing import AGENT, MAIN, ZERO_FIRST, forms

PUBLIC = str(AGENT.pubkey())
SEED = bytes(AGENT)[:32]


def taken(pasted, public_key=PUBLIC):
    return sealing.read_secret(pasted, public_key=public_key, account=MAIN)


def refusal(pasted):
    with pytest.raises(sealing.BadAgentKey) as refused:
        taken(pasted)
    said = str(refused.value)
    assert pasted.strip()[:12] not in said
    return said


WRAPPINGS = {
    "quotes": '"{}"',
    "quotes of a word processor": "“{}”",
    "guillemets and a blank": "« {} »",
    "a trailing comma": "{},",
    "quotes and a comma": "'{}',\n",
    "a byte order mark": "\ufeff{}",
    "blanks that do not break": "\u00a0{}\u202f",
    "blanks of no width": "\u200b{}\u2060",
    "line ends of Windows": "{}\r\n",
    "marks of a terminal": "\x1b[200~{}\x1b[201~",
}


@pytest.mark.parametrize("form", ["64 bytes", "seed", "solana-keygen"])
@pytest.mark.parametrize("wrapping", WRAPPINGS.values(), ids=WRAPPINGS)
@pytest.mark.parametrize("keypair", [AGENT, ZERO_FIRST], ids=["agent", "zero first"])
def test_a_secret_is_read_whatever_copying_put_around_it(form, wrapping, keypair):
    secret = wrapping.format(forms(keypair)[form])
    assert taken(secret, str(keypair.pubkey())) == bytes(keypair)


@pytest.mark.parametrize("between", ["\n", "\r\n", " ", "\u00a0", "\u200b", "\u00ad", "\t"])
@pytest.mark.parametrize("form", ["64 bytes", "seed"])
def test_a_secret_is_read_however_it_was_broken(form, between):
    secret = forms(AGENT)[form]
    assert taken(secret[:20] + between + secret[20:]) == bytes(AGENT)


def test_an_array_is_read_however_it_is_laid_out():
    numbers = list(bytes(AGENT))
    for text in (json.dumps(numbers, indent=4), str(numbers)[1:-1], f"{str(numbers)[:-1]},]"):
        assert taken(text) == bytes(AGENT)


WORDS = "abandon ability able about above absent absorb abstract absurd abuse access accident"
CALLED = {
    "hex": (SEED.hex(), "hex"),
    "hex of all": (f"0x{bytes(AGENT).hex().upper()}", "hex"),
    "hex with colons": (SEED.hex(":"), "hex"),
    "a mnemonic": (WORDS, "recovery phrase"),
    "a mnemonic in lines": (WORDS.replace(" ", "\n").title(), "recovery phrase"),
    "a numbered mnemonic": (
        " ".join(f"{n}. {word}" for n, word in enumerate(WORDS.split(), 1)),
        "recovery phrase",
    ),
    "an API config key": ("AbCd1234_2mBcDeFgH", "API config key"),
    "a quoted API config key": ('"AbCd1234_2mBcDeFgH",', "API config key"),
    "base64": (base64.b64encode(bytes(AGENT)).decode(), "base64"),
    "base64 of a seed": (base64.b64encode(SEED).decode(), "base64"),
    "PEM": ("-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----", "PEM"),
    "a line of settings": (f"PRIVATE_KEY={AGENT}", "secret alone"),
    "an entry of JSON": (f'"secret": "{AGENT}"', "secret alone"),
    "a slip of the pen": (f"0{str(AGENT)[1:]}", "0, O, I or l"),
    "too much": (f"{AGENT} " * 60, "longer than any"),
    "two of them": (f"{AGENT}{AGENT}", "not an agent key"),
    "too short": ("2mBcDeFgH", "64 bytes"),
}


@pytest.mark.parametrize(("pasted", "said"), CALLED.values(), ids=CALLED)
def test_what_is_no_secret_is_called_what_it_is(pasted, said):
    assert said in refusal(pasted)


@pytest.mark.parametrize("mark", "+/=_-")
@pytest.mark.parametrize("letter", ["é", "１", "\ud800", "а"])
def test_a_letter_of_another_script_beside_a_mark_is_refused_in_words(letter, mark):
    for text in (f"{AGENT}{letter}{mark}", f"{SEED.hex()}{mark}{letter}"):
        assert refusal(text)


def test_a_secret_whose_digits_stand_like_gaps_between_words_is_no_mnemonic():
    text = "abc2def3ghj4kmn5pqr6stu7vwx8yza9bcd2efg3hjk4mnp5qrs6tuv7wxy8"
    assert "recovery phrase" not in refusal(text)


def test_a_public_key_is_called_so_and_not_repeated():
    assert "the agent wallet's public key" in refusal(PUBLIC)
    assert "the agent wallet's public key" in refusal(f" '{PUBLIC}',")
    assert "the account's address" in refusal(MAIN)
    another = str(Keypair.from_seed(bytes([7] * 32)).pubkey())
    assert refusal(another).startswith("This is a public key, or a secret that belongs to")


def test_a_secret_in_the_box_of_a_public_key_is_called_so():
    for text in (str(AGENT), f'"{AGENT}"', str(AGENT)[:40] + "\n" + str(AGENT)[40:]):
        with pytest.raises(
            sealing.BadAgentKey, match="This is a secret, not the address"
        ) as refused:
            sealing.check_public_key(text, what="address")
        assert str(AGENT)[:12] not in str(refused.value)


@pytest.mark.parametrize("wrapping", WRAPPINGS.values(), ids=WRAPPINGS)
def test_a_public_key_is_read_whatever_copying_put_around_it(wrapping):
    assert sealing.check_public_key(wrapping.format(PUBLIC), what="address") == PUBLIC


@pytest.mark.parametrize("text", ["", "1" * 33, "1" * 31, "z" * 44, "0" * 44, "1" * 10_000])
def test_what_has_not_32_bytes_is_no_public_key(text):
    with pytest.raises(sealing.BadAgentKey, match="base58 public key of 32 bytes"):
        sealing.check_public_key(text, what="address")


def test_base58_is_read_as_the_exchanges_own_library_reads_it():
    for raw in (bytes(32), bytes([0] * 5 + [1] * 27), SEED, bytes([255] * 32)):
        assert pasted_keys.from_base58(str(Pubkey.from_bytes(raw))) == raw
