"""Robust doors: what is too large, malformed or hostile is refused in words, nothing half-done."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, models, transaction
from django.test import Client

from orders.audit import sentences
from orders.cancels import requests
from orders.delivery import worker
from orders.evidence import bundle
from orders.models import AuditRecord, Cancel, CancelJob, CancelStatus, Event, Preview
from tests.admin.test_selection import confirm
from tests.authz.addresses import addresses, fillings
from tests.authz.scenario import World
from tests.helpers.bulk import a_book, tick
from tests.helpers.bulk import confirm as confirm_preview
from tests.helpers.screens import click, known_order, nothing_asked, page, signed_in, url

SCRIPT, TURNED = "<script>alert(7)", "\N{RIGHT-TO-LEFT OVERRIDE}"
POISON = f'"{SCRIPT}//{TURNED}'


def send_list(firm, **fields):
    form = {"account": firm.account.pk, "symbol": "BTC", **fields}
    return signed_in(firm.operator).post(url("orders_preview_list"), form)


# Too large, too many, malformed


def test_a_body_larger_than_any_form_is_refused_before_it_is_read(firm, settings):
    unread = []
    client = signed_in(firm.operator)
    answer = client.generic(
        "POST",
        url("orders_preview_list"),
        b"x",
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH=settings.MAX_LIST + settings.MAX_BODY + 1,
        **{"wsgi.input": Untouched(unread)},
    )
    assert answer.status_code == 413
    assert "Nothing was done" in answer.content.decode()
    assert "default-src" in answer["Content-Security-Policy"]
    assert not unread
    assert not Preview.objects.exists()


class Untouched(io.BytesIO):
    """A body that notes every read of it."""

    def __init__(self, reads):
        super().__init__(b"x" * 100)
        self.reads = reads

    def read(self, *size):
        self.reads.append(size)
        return super().read(*size)


def test_a_large_file_has_the_lists_own_sentence(firm, settings):
    file = SimpleUploadedFile("ids.csv", b"1\n" * (settings.MAX_LIST // 2 + 1), "text/csv")
    answer = send_list(firm, file=file)
    assert answer.status_code == 422
    assert "larger than 24 MiB" in answer.content.decode()


def test_two_thousand_ticked_rows_are_one_preview_and_one_job(firm):
    orders = a_book(firm, 2_000)
    operator = signed_in(firm.operator)
    assert tick(operator, orders).status_code == 302
    preview = Preview.objects.get()
    confirm_preview(operator, preview, typed="2000")
    asked = set(CancelJob.objects.get().cancels.values_list("order_id", flat=True))
    assert asked == {order.order_id for order in orders}


def test_more_fields_than_any_list_has_are_refused_in_words(firm):
    order = known_order(firm.account, 71_000_000_001)
    answer = tick(signed_in(firm.operator), [order] * 10_001)
    assert answer.status_code == 400
    assert "Nothing was done." in answer.content.decode()
    assert nothing_asked()


MALFORMED = {
    "no boundary": ("multipart/form-data", b"--x\r\n"),
    "cut off": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a',
    ),
    "a thousand parts": ("multipart/form-data; boundary=x", b"--x\r\n\r\n" * 1_000),
    "broken base64": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="ids"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!\r\n--x--",
    ),
    "JSON": ("application/json", b'{"ids": "1"}'),
    "no UTF-8": ("application/x-www-form-urlencoded", b"ids=%ff%fe&request_key=%ff"),
    "another charset": ("application/x-www-form-urlencoded; charset=utf-7", b"ids=+ADw-"),
    "no charset there is": ("application/x-www-form-urlencoded; charset=nonsense", b"ids=1"),
    "nonsense": ("\x7f/\x7f", b"\0" * 100),
}
FORMS = [
    "orders_order_cancel_selected",
    "orders_order_cancel_by_id",
    "orders_preview_list",
    "orders_panicline_pull",
    "orders_panicline_pull_all",
    "orders_order_changelist",
    "orders_cancel_close",
]


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_post_does_nothing_and_is_answered(firm, what):
    kind, body = MALFORMED[what]
    client = signed_in(firm.head)
    for name in FORMS:
        answer = client.generic("POST", url(name), body, content_type=kind)
        assert answer.status_code in {200, 302, 400, 403, 422}, (name, answer.status_code)
    assert nothing_asked()
    assert not Preview.objects.exists()


# Texts


def test_a_reason_is_one_line_without_control_characters(firm):
    operator = signed_in(firm.operator)
    shown = tick(operator, [known_order(firm.account, 71_000_000_001)])
    confirm(operator, shown, reason=f"flat\0 \x1b[31mfor\r\n{TURNED}the night" + "x" * 400)
    job = CancelJob.objects.get()
    assert job.reason.startswith(f"flat [31mfor {TURNED}the night")
    assert len(job.reason) == 300
    text = page(operator, "orders_canceljob_change", job.pk)
    assert "‹U+202E›" in text
    assert TURNED not in text


@pytest.mark.parametrize("symbol", ["B\0TC", f"BTC{TURNED}", "BTC\n", "B TC", "ＢＴＣ", "<b>\x07"])
def test_a_symbol_with_what_no_symbol_has_is_refused_in_words(firm, symbol):
    form = {"account": firm.account.pk, "kind": "order", "order_id": "1", "symbol": symbol}
    answer = signed_in(firm.operator).post(url("orders_order_cancel_by_id"), form)
    if symbol.strip() != "BTC":
        assert answer.status_code == 422
        assert nothing_asked()
    else:
        assert Cancel.objects.get().symbol == "BTC"


@pytest.mark.parametrize("name", ["A\0b", f"A{TURNED}b", "A\nb", "A\x1bb", " "])
def test_names_that_could_deceive_are_refused(firm, name):
    client = signed_in(firm.administrator)
    address = str(firm.keypair().pubkey())
    account = {"desk": firm.momentum.pk, "name": name, "address": address, "is_active": "on"}
    for where, form in (
        ("orders_desk_add", {"name": name, "confirm_above": "1"}),
        ("orders_account_add", account),
        ("auth_user_add", {"username": name, "password1": "long enough to pass",
                           "password2": "long enough to pass", "usable_password": "true"}),
    ):  # fmt: skip
        assert client.post(url(where), form).status_code == 200  # the form again, with its errors
    events = (Event.DESK_CHANGED, Event.ACCOUNT_CHANGED, Event.USER_CHANGED)
    assert not AuditRecord.objects.filter(event__in=events, operator=firm.administrator).exists()


# Formed by the app or checked when they come in: JSON, hashes, public keys.
KEPT = {"targets", "targets_sha256", "query", "report", "lengths", "state", "side", "symbol"}
KEPT |= {
    "content",
    "content_sha256",
    "address",
    "main_address",
    "public_key",
    "file_name",
    "session_hash",
    "sealed_with",
}


def poison(model):
    """Write a script and a direction mark into every free text of every row."""
    for field in model._meta.concrete_fields:
        is_text = isinstance(field, models.CharField | models.TextField)
        if not is_text or field.choices or field.name in KEPT or field.is_relation:
            continue
        try:
            with transaction.atomic():
                for number, row in enumerate(model._default_manager.all()):
                    # the doors let no name in that does not print; the exchange writes anything
                    what = SCRIPT if field.name == "name" else POISON
                    text = f"{number}{what}"[: field.max_length]
                    model._default_manager.filter(pk=row.pk).update(**{field.name: text})
        except IntegrityError:  # the database holds it to a form
            continue


@pytest.fixture
def poisoned(db):
    """A world where every name, symbol and text of the exchange is hostile, and records of it."""
    world = World()
    for side in (world.near, world.far):
        for row in side.rows.values():
            name = row._meta.model_name  # a person's name holds letters, digits and .@+- alone
            if name != "user" and not name.startswith("audit"):
                poison(type(row))
    firm = world.firm
    for person in (firm.operator, firm.head, firm.auditor, firm.administrator):
        person.refresh_from_db()
    order = known_order(firm.account, 71_000_000_001, symbol=POISON)
    about = {"user": firm.operator, "actor": firm.actor(), "order_ids": [order.pk]}
    world.near.rows["canceljob"] = requests.cancel_orders(reason=POISON, **about).jobs[0]
    world.near.rows["order"] = order
    world.near.rows["auditrecord"] = AuditRecord.objects.filter(event=Event.CANCEL_ASKED).first()
    return world


@pytest.mark.thorough
@pytest.mark.once
@pytest.mark.parametrize("who", ["head", "auditor", "administrator"])
def test_hostile_texts_are_only_shown_never_run_and_never_turn_the_line(poisoned, who):
    client, shown, found = Client(), 0, []
    client.force_login(poisoned.people[who])
    for name, route in addresses():
        for ids, address in fillings(poisoned, name, route):
            answer = client.get(address) if ids in {"near", "none"} else None
            if answer is None or not answer.get("Content-Type", "").startswith("text/html"):
                continue
            text = answer.content.decode()
            shown += "alert(7)" in text
            found += [(address, around(text, one)) for one in (SCRIPT, TURNED) if one in text]
    assert found == []
    assert shown > 8


def around(text, word):
    at = text.index(word)
    return text[max(0, at - 160) : at + 20]


def test_the_exchanges_own_words_are_shown_as_text(firm):
    order = firm.order()
    body = f'{{"success":false,"error":"{SCRIPT}{TURNED}","code":400}}'
    firm.paper.fault("/orders/cancel", "status", status=400, body=body)
    operator = signed_in(firm.operator)
    click(operator, order)
    worker.deliver_account(account_id=firm.account.pk)
    cancel = Cancel.objects.get()
    record = AuditRecord.objects.get(event=Event.ANSWER)
    for name, pk in (
        ("orders_order_change", order.pk),
        ("orders_canceljob_change", cancel.job_id),
        ("orders_auditrecord_change", record.pk),
    ):
        text = page(operator, name, pk)
        assert SCRIPT not in text
        assert TURNED not in text
    assert "&lt;script&gt;" in text
    assert cancel.status != CancelStatus.CANCELLED
    assert sentences.of_record(record)


def test_a_jobs_download_cannot_become_a_formula(firm):
    order = known_order(firm.account, 71_000_000_001, symbol="=HYPERLINK(1)")
    operator = signed_in(firm.operator)
    click(operator, order)
    Cancel.objects.update(explanation="\t=1+1", filled_amount="+1", cancelled_amount="-1")
    job = CancelJob.objects.get()
    text = operator.get(url("orders_canceljob_download", job.pk)).content.decode()
    for cell in next(list(csv.reader(io.StringIO(text)))[n] for n in (1,)):
        assert cell[:1] not in bundle.FORMULA
    assert "'=HYPERLINK(1)" in text
    assert "'\t=1+1" in text


# Where a signed request can go


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_signed_request_follows_a_redirect(firm, paper, status):
    order = firm.order()
    elsewhere = f"{paper.url}/orders/cancel_all"
    firm.paper.fault(
        "/orders/cancel", "status", status=status, body="", headers={"Location": elsewhere}
    )
    click(signed_in(firm.operator), order)
    worker.deliver_account(account_id=firm.account.pk)
    assert len(firm.paper.requests("/orders/cancel")) == 1
    assert not firm.paper.requests("/orders/cancel_all")
    assert Cancel.objects.get().status in {CancelStatus.UNKNOWN, CancelStatus.SETTLING}


def test_no_row_says_where_requests_go():
    from django.apps import apps

    kinds = (models.URLField, models.GenericIPAddressField)
    for model in apps.get_app_config("orders").get_models():
        for field in model._meta.concrete_fields:
            assert not isinstance(field, kinds), field
            assert not {"url", "host", "endpoint"} & set(field.name.split("_")), field


@pytest.mark.parametrize("number", ["9" * 19, "9" * 40, "٣", "-1", "1e3"])
@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("orders_order_cells", "order"),
        ("orders_order_changelist", "account"),
        ("orders_order_changelist", "desk"),
        ("orders_order_changelist", "q"),
        ("orders_auditrecord_changelist", "q"),
        ("orders_auditrecord_changelist", "job"),
        ("orders_panicline_pull", "account"),
        ("orders_panicline_pull", "desk"),
    ],
)
def test_a_number_that_no_row_can_have_is_answered(firm, name, parameter, number):
    """No page fails for it, whichever list, poll or link it stands in."""
    answer = signed_in(firm.administrator).get(url(name), {parameter: number})
    assert answer.status_code < 500
