"""The leak hunt: a planted agent key is nowhere but in its sealed column, in whatever form."""

import base64
import json
import logging
import re
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings as site
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.test import Client
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from orders.accounts import provisioning
from orders.cancels import requests
from orders.delivery import worker
from orders.models import AgentWallet, Cancel, SealedKey
from orders.operations.errands import background, exports
from tests.api.programs import Program
from tests.helpers.firm import PASSWORD
from tests.helpers.log_lines import json_lines
from tests.helpers.screens import page, signed_in, url
from tests.helpers.tokens import new_token

PLANTED = Keypair.from_seed(bytes(range(101, 133)))
RAW = bytes(PLANTED)


def needles() -> dict:
    """Every form in which people and programs write a key: the whole of it, and its seed."""
    found = {}
    for name, raw in (("key", RAW), ("seed", RAW[:32])):
        numbers = [str(number) for number in raw]
        found |= {
            f"{name} raw": raw,
            f"{name} hex": raw.hex().encode(),
            f"{name} HEX": raw.hex().upper().encode(),
            f"{name} repr": repr(raw)[2:-1].encode(),
            f"{name} json": ",".join(numbers).encode(),
            f"{name} json spaced": ", ".join(numbers).encode(),
            f"{name} json lines": ",\n".join(numbers).encode(),
        }
        for offset in range(3):  # base64 of a longer text that holds it, at each alignment
            coded = base64.b64encode(b"\0" * offset + raw + b"\0" * 3)[4:-8]
            found[f"{name} base64 at {offset}"] = coded
            found[f"{name} base64url at {offset}"] = coded.translate(bytes.maketrans(b"+/", b"-_"))
    found["key base58"] = str(PLANTED).encode()
    found["seed base58"] = str(Pubkey.from_bytes(RAW[:32])).encode()
    return found


NEEDLES = needles()


def hits(places: dict) -> list:
    """(place, form) wherever the planted key stands."""
    return [
        (place, form)
        for place, hay in places.items()
        for form, needle in NEEDLES.items()
        if needle in (hay if isinstance(hay, bytes) else str(hay).encode(errors="replace"))
    ]


def typed() -> list[str]:
    """The key as people paste it."""
    return [str(PLANTED), str(Pubkey.from_bytes(RAW[:32])), json.dumps(list(RAW))]


LOUD = (None, "django", "urllib3", "celery", "kombu", "asyncio")


@pytest.fixture
def logs(caplog):
    """All that is logged, in both forms."""
    caplog.set_level(logging.DEBUG)
    with json_lines(logging.DEBUG) as lines:
        for name in LOUD:
            logging.getLogger(name).setLevel(logging.DEBUG)
        yield Logged(caplog, lines)
        for name in LOUD:
            logging.getLogger(name).setLevel(logging.NOTSET)


class Logged:
    """``text``: what was said so far, as lines for people and as JSON."""

    def __init__(self, caplog, lines):
        self._caplog, self._lines = caplog, lines

    @property
    def text(self):
        assert len(self._lines.objects()) >= len(self._caplog.records)  # none is lost
        return self._caplog.text + self._lines.getvalue()


@pytest.fixture
def account(firm):
    """An account without an agent wallet; the exchange has the planted one bound to it."""
    main = str(firm.keypair().pubkey())
    made, _ = provisioning.add_account(name="Planted", desk=firm.momentum, address=main)
    firm.paper.account(main, agents=[str(PLANTED.pubkey())])
    return made


def form_of(account, secret, public_key=None):
    public_key = public_key or str(PLANTED.pubkey())
    return {"account": account.pk, "public_key": public_key, "secret": secret}


def database() -> dict:
    """Every value of every column of every table, but for the sealed column itself."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    if (table, name) != (SealedKey._meta.db_table, "sealed"):
                        value = bytes(value) if isinstance(value, memoryview) else value
                        found[f"{table}.{name} {len(found)}"] = value
    return found


def files(folder) -> dict:
    return {str(one): one.read_bytes() for one in Path(folder).rglob("*") if one.is_file()}


def processes() -> dict:
    """The command line of every process, as ``ps`` shows it."""
    found = {}
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found[str(one)] = one.read_bytes()
        except OSError:
            continue
    return found


@pytest.mark.parametrize("form", NEEDLES)
def test_the_hunt_finds_every_form(form):
    assert ("here", form) in hits({"here": b"before " + NEEDLES[form] + b" after"})


def test_base64_is_found_at_any_place_of_a_longer_text():
    for before in range(6):
        text = base64.b64encode(b"x" * before + RAW + b"y")
        assert hits({"here": text})


def test_a_key_that_was_taken_in_and_used_is_nowhere_else(
    firm, account, logs, django_capture_on_commit_callbacks, tmp_path
):
    client, places = signed_in(firm.head), {}
    with django_capture_on_commit_callbacks(execute=True):
        client.post(url("orders_agentwallet_add"), form_of(account, typed()[0]))
        wallet = AgentWallet.objects.get(public_key=str(PLANTED.pubkey()))
        (order,) = firm.orders(account=account)
        requests.cancel_orders(
            user=firm.head, actor=firm.actor(firm.head), order_ids=[order.pk], reason="hunt"
        )
    with django_capture_on_commit_callbacks(execute=True):
        worker.deliver_account(account_id=account.pk)
    assert Cancel.objects.get().status == "cancelled"
    exports.ask(user=firm.auditor, actor=firm.actor(firm.auditor), query={})
    background.run_due()
    dump = StringIO()
    call_command("dumpdata", exclude=["orders.sealedkey"], stdout=dump)
    places["dumpdata"] = dump.getvalue()
    places["logs"] = logs.text
    assert '"event": "Answer"' in logs.text
    for name, args in (
        ("orders_agentwallet_change", [wallet.pk]),
        ("orders_agentwallet_changelist", []),
        ("orders_agentwallet_add", []),
        ("orders_account_page", [account.pk]),
        ("orders_auditrecord_changelist", []),
    ):
        places[name] = page(client, name, *args)
    places |= database() | files(site.EXPORT_DIR) | files(site.DATA_DIR / "broker") | processes()
    assert len(files(site.EXPORT_DIR)) > 0
    if site.CELERY_BROKER_URL.startswith("embedded"):
        assert len(files(site.DATA_DIR / "broker")) > 0
    assert hits(places) == []


@pytest.mark.parametrize("secret", typed(), ids=["base58", "seed", "json"])
def test_a_refused_form_never_shows_the_key_again(firm, account, logs, secret):
    client = signed_in(firm.head)
    for form in (
        form_of(account, secret, str(firm.keypair().pubkey())),
        form_of(firm.foreign_account, secret),
        form_of(account, secret + "x"),
        form_of(account, secret) | {"public_key": secret[:60]},
        form_of(account, "") | {"public_key": str(PLANTED.pubkey())},
    ):
        answer = client.post(url("orders_agentwallet_add"), form)
        assert answer.status_code == 422
        assert hits({"page": answer.content, "logs": logs.text}) == []
    assert hits(database()) == []


@pytest.mark.parametrize("is_debug", [True, False])
def test_an_error_page_and_its_mail_do_not_show_the_key(
    firm, account, logs, settings, monkeypatch, is_debug
):
    settings.DEBUG, settings.ADMINS = is_debug, [("Ops", "ops@example.com")]
    handler = logging.getLogger("django.request")
    from django.utils.log import AdminEmailHandler

    mails = AdminEmailHandler(include_html=True)
    handler.addHandler(mails)
    monkeypatch.setattr("orders.keys.sealing.seal", explode)
    client = Client(raise_request_exception=False)
    client.force_login(firm.head)
    try:
        answer = client.post(url("orders_agentwallet_add"), form_of(account, typed()[0]))
    finally:
        handler.removeHandler(mails)
    assert answer.status_code == 500
    sent = "".join(str(one.message()) + str(one.alternatives) for one in mail.outbox)
    assert "explode" in sent
    assert hits({"page": answer.content, "mail": sent, "logs": logs.text}) == []


def explode(*args, **kwargs):
    raise RuntimeError("explode")


def test_the_command_takes_the_key_from_standard_input_and_repeats_it_nowhere(
    firm, account, logs, run
):
    about = ["--account", "Planted", "--public-key", str(PLANTED.pubkey())]
    for secret in (typed()[0] + "x", typed()[2], typed()[0]):
        said = run("add_agent_wallet", *about, stdin=secret)
        assert hits({"said": str(said), "logs": logs.text}) == []
    assert hits(database() | processes()) == []


def test_passwords_and_codes_are_in_no_log_and_no_row(firm, logs):
    client = Client()
    client.post(url("login"), {"username": "olivia", "password": PASSWORD})
    client.post(url("login"), {"username": "olivia", "password": "hushhush-not-it"})
    rows = " ".join(str(value) for value in database().values())
    for secret in (PASSWORD, "hushhush-not-it"):
        assert secret not in logs.text + rows


def test_an_api_token_is_in_no_log_and_no_row(firm, logs):
    form = {"desk": firm.momentum.pk, "name": "quoter-1", "rights": ["read"], "days": "30"}
    client = signed_in(firm.head)
    answer = client.post(url("orders_apitoken_add"), form)
    (secret,) = set(re.findall(r"pacifica_desk_([0-9a-f]{64})", answer.content.decode()))
    rows = " ".join(str(value) for value in database().values())
    places = page(client, "orders_apitoken_changelist") + page(client, "index")
    for needle in (secret, secret.upper(), secret[8:]):
        assert needle not in logs.text + rows + places


@pytest.mark.parametrize("is_debug", [True, False])
def test_a_token_that_is_used_is_in_no_log_and_no_row(firm, logs, settings, monkeypatch, is_debug):
    settings.DEBUG = is_debug
    _, secret = new_token(firm, "read", "cancel")
    (order,), asking = firm.orders(), Program(secret)
    names = {"account_id": firm.account.pk, "symbol": "BTC", "order_ids": [order.order_id]}
    told = [asking.post("/cancels", names), asking.get("/orders"), asking.post("/panics", {})]
    told += [asking.get("/no-such"), asking.post("/cancels", names, key="x" * 99)]
    told += [Program(f"{secret}0").get("/orders"), Program(secret).post("/accounts")]
    monkeypatch.setattr("orders.api.shapes.account", explode)
    told += [asking.get("/accounts")]
    statuses = [answer.status_code for answer in told]
    assert statuses == [202, 200, 403, 404, 422, 401, 405, 500]
    rows = " ".join(str(value) for value in database().values())
    said = " ".join(answer.content.decode() + str(answer.headers) for answer in told)
    assert secret.removeprefix("pacifica_desk_") not in logs.text + rows + said
