"""Fuzz the readers of answers: ``-m tests.pacifica.fuzz_answers --examples 100000 --seed 1``.

Feeds hostile answers to every verdict and every read. Breaks off at the first input that raises
anything but the named errors, or that is called *accepted* though an independent check, written
the other way round, finds no exact yes in it.
"""

import argparse
import collections
import copy
import json
import re
import time

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from orders.pacifica import answers, reads

ROW = {
    "order_id": 28000000001,
    "client_order_id": None,
    "symbol": "BTC",
    "side": "bid",
    "price": "105000",
    "initial_amount": "0.5",
    "filled_amount": "0",
    "cancelled_amount": "0",
    "stop_price": None,
    "order_type": "limit",
    "stop_parent_order_id": None,
    "trigger_price_type": None,
    "reduce_only": False,
    "created_at": 1716200000000,
    "updated_at": 1716200000000,
}
EVENT = {"history_id": 7, "event_type": "cancel", "order_status": "cancelled"} | ROW
HISTORY = {"initial_price": "1", "average_filled_price": "0", "amount": "1", "reason": None} | EVENT
ITEM_NO = {"success": False, "order_id": None, "error": "Failed to cancel order"}
WELL_FORMED = [
    {"success": True, "data": None, "error": None, "code": None},
    {"success": True},
    {"success": True, "data": {"cancelled_count": 3}},
    {"success": True, "cancelled_count": "3"},
    {"success": True, "data": {"results": [{"success": True}, ITEM_NO]}},
    {"success": True, "data": {"agent_wallets": ["3ogUn1GNXoASaRbxPNeVJnVv5rG4EPBtmQmX61jVorUe"]}},
    {"success": False, "data": None, "error": "Failed to cancel order", "code": 5},
    {"success": False, "data": None, "error": "Verification failed", "code": 400},
    {"success": False, "error": "Order history not found for order ID: 28000000001", "code": 404},
    {"success": True, "data": [ROW], "last_order_id": 28000000009},
    {"success": True, "data": [HISTORY], "next_cursor": None, "has_more": False},
    {"success": True, "data": [EVENT, EVENT | {"history_id": 9}]},
]
BOMBS = [
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b'{"success":true,"data":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    b'{"success":true,"data":null,"n":' + b"9" * 5_000 + b"}",
    b'{"success":true,"success":true}',
    b'{"success":true,"error":null,"error":"Failed to cancel order"}',
    b'{"success":true,"data":NaN}',
    b'{"success":true,"n":-Infinity}',
    b'{"success":true,"n":1e999}',
    b'{"success":true,"t":"\\ud800"}',
    b'{"success":true,"t":"\\u0000"}',
    b'{"success":true,"t":"\x00"}',
    b'{"success":true,"t":"\xed\xa0\x80"}',
    b'\xef\xbb\xbf{"success":true}',
    '{"success":true}'.encode("utf-16"),
    b'{"success":true}{"success":false}',
    b'{"success":"true"}',
    b'{"success":1}',
    b'[{"success":true}]',
    b"<html>success</html>",
    b"<html><h1>403</h1>Unauthorized</html>",
    b"",
]

ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, 200, 400, 404, 5, 26, -1, 2**53 + 1, 10**21, 1.0, 200.0, [], {}, ""]),
    st.sampled_from(["true", "1", "\ud800", "\x00", "Failed to cancel order", "Account not found"]),
    st.sampled_from(
        ["Unauthorized", "Request timed out", "BTC", "ETH", "28000000001", 28000000001]
    ),
    st.text(max_size=8),
    st.sampled_from([{"success": False}, {"success": True}, {"error": "no"}, {"results": []}]),
)
STATUSES = (200, 201, 204, 302, 400, 401, 403, 404, 409, 422, 429, 500, 504)


@st.composite
def bent_envelopes(draw):
    """A well-formed answer with fields replaced, added or left out, here or one level down."""
    value = json.loads(json.dumps(draw(st.sampled_from(WELL_FORMED))))
    for _ in range(draw(st.integers(0, 3))):
        target = _place(draw, value)
        names = [*target, "success", "error", "code", "data", "order_id", "symbol", "order"]
        name = draw(st.sampled_from(names))
        if draw(st.booleans()):
            target[name] = copy.deepcopy(draw(ODD_VALUES))
        else:
            target.pop(name, None)
    return json.dumps(value).encode()


def _place(draw, value):
    places = [value]
    data = value.get("data")
    for inner in [data, *(data if isinstance(data, list) else [])]:
        if isinstance(inner, dict):
            places.append(inner)
            results = inner.get("results")
            listed = results if isinstance(results, list) else []
            places += [item for item in listed if isinstance(item, dict)]
    return draw(st.sampled_from(places))


@st.composite
def bent_bytes(draw):
    """The bytes of an answer, cut, doubled, overwritten or with something put in."""
    body = draw(
        st.one_of(st.sampled_from([json.dumps(v).encode() for v in WELL_FORMED]), bent_envelopes())
    )
    at = draw(st.integers(0, len(body)))
    odd = draw(
        st.one_of(
            st.binary(min_size=1, max_size=4),
            st.sampled_from(
                [b'"success":true,', b'"success":false,', b"\\u0000", b"NaN", b"{", b"]"]
            ),
        )
    )
    how = draw(st.sampled_from(["cut", "insert", "overwrite", "double", "second key"]))
    if how == "cut":
        return body[:at]
    if how == "insert":
        return body[:at] + odd + body[at:]
    if how == "overwrite":
        return body[:at] + odd + body[at + len(odd) :]
    if how == "double":
        return body + body
    return b"{" + odd + body[1:]


@st.composite
def bare_words(draw):
    """Words without an envelope, as text or spelled in JSON, with something before or after."""
    before = draw(st.sampled_from(["", "", " ", "Error: ", "<p>", "agent is ", "5xx; "]))
    words = draw(st.sampled_from(["Unauthorized", "Verification failed", "Request timed out"]))
    after = draw(st.one_of(st.sampled_from(["", ".", "\n", "</p>"]), st.text(max_size=300)))
    text = before + words + after
    said = json.dumps(text) if draw(st.booleans()) else text
    return said.encode("utf-8", errors="replace")


BODIES = st.one_of(
    *[bent_envelopes()] * 6,
    *[bare_words()] * 2,
    *[bent_bytes()] * 5,
    st.binary(max_size=200),
    st.sampled_from([bomb for bomb in BOMBS if len(bomb) < 100_000]),  # the large ones run once
)
# One body under 200 and three other statuses: making bodies is the slow part.
INPUTS = st.tuples(
    BODIES, st.permutations(STATUSES[1:]), st.sampled_from([True, True, True, False])
)


class Digits(str):
    """A whole number as spelled, so that 200 and "200" and true stay three things."""

    def __init__(self, spelled):
        if len(spelled) > 20:
            raise ValueError("too long a number")


class Pairs(list):
    """An object as its pairs, none dropped: how the independent check sees JSON."""


def exact_yes(status, body, is_whole):
    """The envelope as a dict where the bytes are an exact yes; else None. Shares no code."""
    if status != 200 or not is_whole:
        return None
    try:
        text = str(body, "utf-8", "strict")
        value = json.loads(text, object_pairs_hook=Pairs, parse_int=Digits, parse_constant=_refuse)
        flat = list(_flat(value, 0))
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, Pairs):
        return None
    if any(isinstance(leaf, str) and re.search("[\0\ud800-\udfff]", leaf) for leaf in flat):
        return None
    found = dict(value)
    data = found.get("data")
    says_yes = [pair for pair in value if pair[0] == "success"] == [("success", True)]
    code = found.get("code")
    has_code = code is None or (type(code) is Digits and code == "200")
    if not (says_yes and found["success"] is True and found.get("error") is None and has_code):
        return None
    if data is not None and not isinstance(data, Pairs):
        return None
    inner = dict(data or [])
    if inner.get("success", True) is not True or inner.get("error") is not None:
        return None
    return found


def _refuse(text):
    raise ValueError(text)


def _flat(value, depth):
    """All names and leaves; refuses doubled keys, depth, and numbers beyond bounds."""
    if depth > 40:
        raise ValueError("deep")
    if isinstance(value, Pairs):
        names = [name for name, _ in value]
        if len(set(names)) < len(names):
            raise ValueError("doubled")
        yield from names
        for _, inner in value:
            yield from _flat(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _flat(inner, depth + 1)
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise ValueError("inf")
    else:
        yield value


def check(status, body, is_whole, tally=None):
    """Run one input through everything; AssertionError where a rule is broken."""
    yes = exact_yes(status, body, is_whole)
    given_ = {"status": status, "body": body, "is_whole": is_whole}
    cancel = answers.cancel_verdict(**given_)
    assert (cancel.kind == "accepted") == (yes is not None), (given_, cancel)
    twap = answers.twap_verdict(**given_)
    assert twap.kind != "accepted"
    assert (twap.kind == "asked") == (yes is not None)
    every = answers.cancel_all_verdict(**given_)
    assert every.kind != "accepted" or (yes is not None and every.count >= 0), given_
    _check_batch(given_, yes)
    _check_subject(given_, yes)
    agents, keys = answers.agent_wallets(**given_)
    assert agents.kind != "accepted" or yes is not None or keys.odd
    assert not keys.keys or agents.kind == "accepted"
    _check_reads(given_)
    for verdict in (cancel, twap, every, agents):
        _check_no(given_, verdict)
        assert len(verdict.error) <= 300
        assert verdict.error.isprintable()
    if tally is not None:
        tally[cancel.kind] += 1


REFUSING = {400, 401, 403, 404, 422}
DOUBT = re.compile(
    rb"timed out|timeout|internal (server )?error|database error|channel closed", re.I
)


def _check_no(given_, verdict):
    """A no needs the exchange's word for it, whole and undoubted, or a front door's 403."""
    if verdict.kind != "refused":
        return
    status, body = given_["status"], given_["body"]
    if verdict.cause == "forbidden":
        assert status == 403, given_
        return
    assert given_["is_whole"], given_
    assert status in REFUSING or (status == 200 and b"success" in body), given_
    assert not body.lstrip().startswith(b"<"), given_
    assert verdict.error, given_
    assert not DOUBT.search(verdict.error.encode()), given_


SUBJECT = answers.Subject(order_id=ROW["order_id"], symbol="BTC")
OWN = {"order_id": {"28000000001", "0", "", "None"}, "symbol": {"BTC", "", "0", "None"}}


def _check_subject(given_, yes):
    """What is accepted of a subject names no other in any place; else it is as without one."""
    without = answers.cancel_verdict(**given_)
    found = answers.cancel_verdict(**given_, subject=SUBJECT)
    if found.kind == "accepted":
        for name, told in _names(list(yes.items())):
            assert str(told) in OWN[name], given_
    assert found.another or found == without, given_


def _names(pairs):
    for name, told in pairs:
        if name in OWN and not isinstance(told, list):
            yield name, told
        if isinstance(told, list):
            is_object = isinstance(told, Pairs)
            yield from _names(told if is_object else [("", one) for one in told])


def _check_batch(given_, yes):
    items = answers.batch_verdicts(**given_, count=2)
    assert len(items) == 2
    if not any(item.kind == "accepted" for item in items):
        return
    if yes is None:  # an odd item, which says no yes itself
        assert any(item.kind == "unknown" for item in items), given_
        return
    results = dict(yes["data"])["results"] if yes.get("data") is not None else yes["results"]
    for item, result in zip(items, results, strict=True):
        assert item.kind != "accepted" or dict(result)["success"] is True, given_


def _check_reads(given_):
    read_all = [
        answers.open_orders,
        answers.history_page,
        answers.twap_orders,
        answers.market_symbols,
        reads.market_prices,
        reads.market_decimals,
    ]
    for read in read_all:
        try:
            read(**given_)
        except answers.Unreadable:
            continue
        assert given_["status"] == 200, given_
        assert given_["is_whole"], given_
    for read in (answers.history_events, answers.twap_events):
        try:
            rows = read(**given_, order_id=28000000001).rows
        except (answers.Unreadable, answers.NotInHistory):
            continue
        assert rows, given_
        assert all(row.order_id == 28000000001 for row in rows), given_
    text = given_["body"][:50].decode("latin-1")
    answers.quota({"ratelimit": text, "ratelimit-policy": text})


def run(*, examples, random_seed, max_seconds):
    """Fuzz in rounds until ``examples`` ran or time is up; a Counter of cancel verdict kinds."""
    tally, began, round_number = collections.Counter(), time.monotonic(), 0
    for bomb in BOMBS:
        check(200, bomb, True, tally=tally)
    while sum(tally.values()) < examples and time.monotonic() - began < max_seconds:
        size = min(2000, -(-(examples - sum(tally.values())) // 4))
        _round(size, random_seed + round_number, tally)
        round_number += 1
    return tally


def _round(size, random_seed, tally):
    @seed(random_seed)
    @settings(
        max_examples=size,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(INPUTS)
    def feed(one):
        body, statuses, is_whole = one
        for status in (200, *statuses[:3]):
            check(status, body, is_whole, tally=tally)

    feed()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-seconds", type=float, default=1800)
    options = parser.parse_args()
    began = time.monotonic()
    tally = run(
        examples=options.examples, random_seed=options.seed, max_seconds=options.max_seconds
    )
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(tally.items()))
    print(f"{sum(tally.values())} inputs in {time.monotonic() - began:.0f} s: {kinds}")
    print("none raised, none accepted without an exact yes")


if __name__ == "__main__":
    main()
