"""A refusal is known by its words, in every form, under every status and at every place."""

import json

import pytest

from orders.pacifica import answers

# The exchange's words, and the cause each stands for.
WORDS = {
    "Unauthorized": "agent",
    "unauthorised": "agent",
    "UNAUTHORIZED.": "agent",
    "Signer is not authorized": "agent",
    "Access denied: unauthorized": "agent",
    "Agent not authorized for account": "agent",
    "Agent wallet not found": "agent",
    "Verification failed": "signature",
    "Verification failed: signature does not match": "signature",
    "Signature verification failed": "signature",
    "Unauthorized: signature verification failed": "signature",
    "Invalid signature format": "signature",
    "Invalid message": "expired",
    "Invalid public key": "public_key",
    "Beta access required. Signer must redeem a valid beta code.": "beta",
    "Account not whitelisted": "whitelist",
    "This IP address is not on the whitelist": "whitelist",
    "Restricted region": "region",
    "Trading disabled": "trading_disabled",
    "Account not found: 42": "account",
    "Book not found: ORDER": "symbol",
    "Invalid symbol": "symbol",
    "Failed to deserialize the JSON body: missing field `symbol`": "parameters",
}
DOUBTFUL = [
    "Request timed out",
    "Internal server error",
    "Unauthorized: timeout of the session store",
    "Database error",
    "Channel closed",
    "Response dropped",
    "Verification failed: internal error",
]
REFUSING = (400, 401, 403, 404, 422)


def envelope(words, **more):
    return json.dumps({"success": False, "data": None, "error": words} | more)


FORMS = {
    "text": str,
    "text and a line's end": lambda words: f" {words}\r\n",
    "text in quotes": lambda words: f"'{words}'",
    "text after a byte order mark": lambda words: f"\ufeff{words}",
    "JSON text": json.dumps,
    "envelope, code null": lambda words: envelope(words, code=None),
    "envelope, code 0": lambda words: envelope(words, code=0),
    "envelope, code 401": lambda words: envelope(words, code=401),
    "envelope without a code": envelope,
    "object with an error alone": lambda words: json.dumps({"error": words}),
    "object with a message alone": lambda words: json.dumps({"message": words}),
}
ENVELOPES = [form for form in FORMS if form.startswith("envelope")]


def whole_batch(*about):
    (first, *others) = answers.batch_verdicts(*about, 3)
    assert others == [first] * 2
    return first


PLACES = {
    "cancel": answers.cancel_verdict,
    "TWAP": answers.twap_verdict,
    "cancel-all": answers.cancel_all_verdict,
    "batch": whole_batch,
    "agent wallets": lambda *about: answers.agent_wallets(*about)[0],
}


def item(words, **more):
    told = {"success": False, "order_id": None, "error": words} | more
    body = json.dumps({"success": True, "data": {"results": [{"success": True}, told]}})
    return answers.batch_verdicts(200, body.encode(), 2)[1]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("words", WORDS)
def test_refusing_words_are_known_in_every_form_and_say_what_to_do(words, place):
    for form, spelled in FORMS.items():
        body = spelled(words).encode()
        statuses = REFUSING + ((200,) if form in ENVELOPES else ())
        for status in statuses:
            found = PLACES[place](status, body)
            assert (found.kind, found.cause) == ("refused", WORDS[words]), (form, status)
            assert found.hint
            assert words.lower().strip(".") in found.error.lower()
            assert WORDS[words] == "region" or "region" not in found.hint


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("more", [{}, {"code": None}, {"code": 0}, {"code": 401}], ids=str)
def test_refusing_words_are_known_in_an_item_of_a_batch(words, more):
    found = item(words, **more)
    assert (found.kind, found.cause) == ("refused", WORDS[words])
    assert found.hint


def test_unauthorized_says_to_bind_the_agent_wallet():
    hint = answers.cancel_verdict(401, b"Unauthorized").hint
    assert (
        hint == "The agent wallet is not bound to this account. Bind it on Pacifica's API key page."
    )


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("status", [200, 201, 204, 301, 302, 409, 500, 502, 503, 504])
def test_no_form_without_an_envelope_counts_under_any_other_status(status, place):
    for words in WORDS:
        for form in FORMS.keys() - set(ENVELOPES):
            assert PLACES[place](status, FORMS[form](words).encode()).kind == "unknown"


@pytest.mark.parametrize("status", [201, 204, 302, 409, 500, 502, 503, 504])
def test_an_envelope_under_a_status_that_may_hide_an_effect_is_unknown(status):
    for words in WORDS:
        for form in ENVELOPES:
            assert answers.cancel_verdict(status, FORMS[form](words).encode()).kind == "unknown"


@pytest.mark.parametrize("words", DOUBTFUL)
def test_words_that_may_hide_an_effect_are_unknown_in_every_form(words):
    for spelled in FORMS.values():
        for status in (200, *REFUSING, 500, 504):
            assert answers.cancel_verdict(status, spelled(words).encode()).kind == "unknown"
    assert item(words).kind == "unknown"


@pytest.mark.parametrize("words", ["Failed to cancel order", "Order not found", "TWAP not found"])
def test_not_found_needs_an_envelope(words):
    for form, spelled in FORMS.items():
        for status in REFUSING:
            found = answers.cancel_verdict(status, spelled(words).encode())
            assert found.kind == ("not_found" if form in ENVELOPES else "unknown"), (form, status)


@pytest.mark.parametrize(
    "body",
    [
        "<html><h1>401 Unauthorized</h1></html>",
        "  <p>Unauthorized</p>",
        "Unauthorized <a href='/'>back</a>",
        "A proxy could not be asked (see its log; request 7): Unauthorized",
        "Unauthorized" + " and so on" * 30,
        "Line one\nUnauthorized",
        '{"error":"Unauthorized","error":"Unauthorized"}',
        '["Unauthorized"]',
        '{"detail":{"error":"Unauthorized"}}',
        '{"error":["Unauthorized"]}',
        '{"success":"false","error":"Unauthorized"}',
        '{"success":true,"error":"Unauthorized"}',
    ],
)
def test_what_only_holds_such_a_word_is_no_refusal(body):
    for status in (400, 401, 404, 422):
        assert answers.cancel_verdict(status, body.encode()).kind == "unknown"
    found = answers.cancel_verdict(403, body.encode())
    assert found.kind == "unknown" or found.cause == "forbidden"


@pytest.mark.parametrize("body", [b"Unauthorized", b'{"success":false,"error":"Unauthorized"}'])
def test_half_an_answer_is_no_refusal(body):
    for status in REFUSING:
        assert answers.cancel_verdict(status, body, is_whole=False).kind == "unknown"


@pytest.mark.parametrize(
    "body", [b"", b"Forbidden", b"<html>403 ERROR: Unauthorized</html>", b'{"message":"Forbidden"}']
)
def test_a_front_doors_403_is_told_from_the_exchanges_own(body):
    assert answers.cancel_verdict(403, body).cause == "forbidden"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("words", ["Unauthorized", "Account not whitelisted"])
def test_a_refused_read_says_what_to_do_too(words, form):
    for status in (401, 403):
        body = FORMS[form](words).encode()
        with pytest.raises(answers.Unreadable) as refused:
            answers.open_orders(status, body)
        no = answers.cancel_verdict(status, body)
        assert words in no.error
        assert str(refused.value) == f"HTTP {status}. {no.hint} The exchange said: {no.error}"


@pytest.mark.parametrize(("status", "body"), [(503, b"Unauthorized"), (404, b"<html>"), (500, b"")])
def test_a_read_that_failed_otherwise_says_its_status(status, body):
    with pytest.raises(answers.Unreadable, match=f"^HTTP {status}$"):
        answers.open_orders(status, body)
