"""Panic in the browser: one decision by whoever may, said beforehand, followed to an empty book."""

import json
import re
import uuid
from html import unescape

import pytest
from django.utils import timezone

from orders.keys import sealing
from orders.models import (
    Account,
    AuditRecord,
    CancelJob,
    CreditPool,
    Desk,
    Event,
    Membership,
    PanicLine,
    PanicStatus,
    Role,
    SealedApiConfigKey,
)
from orders.panic import worker
from tests.helpers.screens import folded, known_order, page, signed_in, url

API_CONFIG_KEY = "AbCd1234_2mhhhJFZCVZWLWLYVwrdbUtHwDHGZpxBJD7L"


def pull(client, firm, key=None, **fields):
    form = {"desk": firm.momentum.pk, "request_key": str(key or uuid.uuid4())} | fields
    return client.post(url("orders_panicline_pull"), form)


def carry():
    """What the sweep's panic duty does, one line after the other."""
    for pk in list(PanicLine.objects.free(timezone.now()).values_list("pk", flat=True)):
        worker.empty(*worker.claim_lines(timezone.now(), pk=pk))


@pytest.mark.parametrize("who", ["operator", "head"])
def test_the_button_is_on_every_page_of_those_who_may(firm, who):
    client = signed_in(getattr(firm, who))
    for name in ("index", "orders_order_changelist", "orders_canceljob_changelist"):
        assert "data-panic" in page(client, name)


@pytest.mark.parametrize("who", ["viewer", "auditor", "administrator"])
def test_who_may_not_is_offered_nothing_and_a_forged_post_is_refused(firm, who):
    client = signed_in(getattr(firm, who))
    assert "data-panic" not in page(client, "index")
    assert client.get(url("orders_panicline_pull")).status_code == 403
    assert pull(client, firm).status_code == 403
    assert not PanicLine.objects.exists()


def test_operators_of_a_desk_that_keeps_panic_to_its_head_are_offered_nothing(firm):
    Desk.objects.update(operators_may_panic=False)
    assert "data-panic" not in page(signed_in(firm.operator), "index")
    assert pull(signed_in(firm.operator), firm).status_code == 403
    assert pull(signed_in(firm.head), firm).status_code == 302


def test_one_post_pulls_it_alone_without_a_reason_and_leads_to_its_lines(firm):
    client = signed_in(firm.operator)
    answer = pull(client, firm)
    job = CancelJob.objects.get()
    assert answer.url == url("orders_canceljob_change", job.pk)
    assert (job.is_panic, job.reason, job.operator) == (True, "", firm.operator)
    assert "Waiting to be sent" in page(client, "orders_canceljob_change", job.pk)
    assert AuditRecord.objects.filter(event=Event.PANIC, job=job).exists()


def test_every_page_holds_the_command_for_when_the_site_is_gone(firm):
    Desk.objects.filter(pk=firm.momentum.pk).update(name="Momentum & Co; rm -rf")
    shown = unescape(page(signed_in(firm.operator), "orders_order_changelist"))
    said = "manage.py panic --desk 'Momentum & Co; rm -rf' --operator olivia"
    assert said in shown
    assert "manage.py panic" not in page(signed_in(firm.auditor), "orders_order_changelist")


def test_looking_pulls_nothing(firm):
    client = signed_in(firm.operator)
    page(client, "orders_panicline_pull", desk=firm.momentum.pk, account=firm.account.pk)
    page(client, "orders_panicline_warned", desk=firm.momentum.pk)
    assert not CancelJob.objects.exists()


def test_a_double_click_is_one_panic(firm):
    client, key = signed_in(firm.operator), uuid.uuid4()
    assert pull(client, firm, key).url == pull(client, firm, key).url
    assert CancelJob.objects.count() == 1


def test_account_symbol_and_spared_orders_are_as_chosen(firm):
    firm.new_account("Beta", firm.momentum)
    fields = {"accounts": firm.account.pk, "symbol": "kBONK", "keep_reduce_only": "on"}
    pull(signed_in(firm.operator), firm, **fields)
    line = PanicLine.objects.get()
    assert (line.account, line.symbol, line.keep_reduce_only) == (firm.account, "kBONK", True)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"symbol": "BTC ETH"}, "Write the symbol as on Pacifica"),
        ({"is_drill": "on"}, "Momentum has no drill account in this scope."),
        ({"desk": ""}, "Choose the desk."),
    ],
)
def test_each_wrong_input_has_its_sentence_and_the_reason_stays(firm, fields, sentence):
    answer = pull(signed_in(firm.operator), firm, reason="on fire", **fields)
    text = folded(answer)
    assert answer.status_code == 422
    assert sentence in text
    assert 'value="on fire"' in text
    assert not PanicLine.objects.exists()


@pytest.mark.parametrize("noun", ["desk", "accounts"])
def test_a_foreign_desk_or_account_is_refused_on_the_record_and_not_named(firm, noun):
    foreign = {"desk": firm.basis.pk, "accounts": firm.foreign_account.pk}[noun]
    answer = pull(signed_in(firm.operator), firm, **{noun: foreign})
    text = folded(answer)
    assert answer.status_code == 422
    assert "Basis" not in text
    assert "Canary" not in text
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 1
    assert not PanicLine.objects.exists()


def test_the_page_says_what_happens_to_protective_orders(firm):
    known_order(firm.account, 71_000_000_001)
    known_order(firm.account, 71_000_000_002, order_type="stop_limit")
    known_order(firm.account, 71_000_000_003, reduce_only=True, symbol="ETH")
    client = signed_in(firm.operator)
    text = page(client, "orders_panicline_pull")
    assert "<b>3 open orders</b>" in text
    assert "1 stop or take-profit order among them" in text
    assert "stand unprotected" in text
    chosen = {"desk": firm.momentum.pk, "symbol": "ETH", "keep_reduce_only": "on"}
    text = page(client, "orders_panicline_warned", **chosen)
    assert "<b>1 open order</b>" in text
    assert "Reduce-only orders stay (1 now)" in text


def test_what_a_foreign_desk_holds_is_not_told(firm):
    known_order(firm.foreign_account, 66_000_000_001)
    text = page(signed_in(firm.operator), "orders_panicline_warned", desk=firm.basis.pk)
    assert "Basis" not in text
    assert "1 open order" not in text


def test_the_red_button_is_far_from_an_accident(firm):
    text = page(signed_in(firm.operator), "orders_panicline_pull")
    assert "data-deliberate" in text  # Enter in a field presses nothing
    assert re.search(r'<select name="desk"[^>]*autofocus', text)
    assert "By keyboard" in text


def test_with_several_desks_none_is_guessed(firm):
    Membership.objects.create(user=firm.operator, desk=firm.basis, role=Role.OPERATOR)
    client = signed_in(firm.operator)
    assert "Choose the desk" in page(client, "orders_panicline_pull")
    assert "Choose the desk." in folded(pull(client, firm, desk=""))
    assert not PanicLine.objects.exists()


def test_each_line_tells_what_was_sent_answered_and_seen(firm):
    firm.orders(3)
    client = signed_in(firm.operator)
    pull(client, firm)
    job = CancelJob.objects.get()
    assert client.get(url("orders_canceljob_progress", job.pk)).status_code == 200
    carry()
    answer = client.get(url("orders_canceljob_progress", job.pk))
    text = folded(answer)
    assert answer.status_code == 286
    assert "Seen empty" in text
    assert "The exchange cancelled 3." in text
    assert text.count("<span title=") >= 3  # answered, last request, seen empty


def a_line_that_needs_somebody(firm):
    pull(signed_in(firm.operator), firm)
    PanicLine.objects.update(status=PanicStatus.NEEDS_YOU, explanation="The answer was lost.")
    return PanicLine.objects.get()


def test_cancel_all_is_sent_again_only_where_a_person_is_needed(firm):
    client, line = signed_in(firm.operator), a_line_that_needs_somebody(firm)
    address = url("orders_panicline_again", line.pk)
    assert address in page(client, "orders_canceljob_change", line.job_id)
    assert client.get(address).status_code == 405
    client.post(address)
    line.refresh_from_db()
    assert line.status == PanicStatus.WAITING
    text = page(client, "orders_canceljob_change", line.job_id)
    assert "is being sent once more" in text
    assert address not in text


def test_no_cancel_all_is_offered_where_stops_are_spared(firm):
    line = a_line_that_needs_somebody(firm)
    PanicLine.objects.update(keep_stops=True)
    text = page(signed_in(firm.operator), "orders_canceljob_change", line.job_id)
    assert "Look again" in text
    assert "Send cancel-all again" not in text


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("stranger", 404)])
def test_who_may_not_panic_sends_nothing_again(firm, who, status):
    line = a_line_that_needs_somebody(firm)
    client = signed_in(getattr(firm, who))
    assert client.post(url("orders_panicline_again", line.pk)).status_code == status
    line.refresh_from_db()
    assert line.status == PanicStatus.NEEDS_YOU


def test_a_drill_is_listed_with_its_times(firm):
    drill = firm.new_account("Drill", firm.momentum)
    Account.objects.filter(pk=drill.pk).update(is_drill=True)
    firm.orders(2, account=drill)
    client = signed_in(firm.operator)
    pull(client, firm, is_drill="on")
    carry()
    text = page(client, "orders_panicline_pull")
    assert "Drill: every order on Drill of Momentum" in text
    assert "1 of 1" in text
    assert not re.search(r'data-label="To seen empty" class="dk-number">–', text)
    assert "Drill: every" not in page(signed_in(firm.stranger), "orders_panicline_pull")


def test_a_running_panic_is_seen_from_every_page(firm):
    client = signed_in(firm.operator)
    pull(client, firm)
    assert CancelJob.objects.get().scope in page(client, "orders_order_changelist")


# What administrators set


def test_an_administrator_sets_a_desks_rules_on_the_record(firm):
    form = {"name": "Momentum", "is_active": "on", "needs_reason": "on", "confirm_above": "7"}
    form |= {"latch_mode": "off"}
    client = signed_in(firm.administrator)
    client.post(url("orders_desk_change", firm.momentum.pk), form)
    firm.momentum.refresh_from_db()
    desk = firm.momentum
    assert (desk.operators_may_panic, desk.needs_reason, desk.confirm_above) == (False, True, 7)
    record = AuditRecord.objects.filter(event=Event.DESK_CHANGED).latest("position")
    assert json.loads(record.data)["changed"]["confirm_above"] == ["100", "7"]


def test_an_administrator_marks_a_drill_account_and_names_its_main_account(firm):
    main = str(firm.keypair().pubkey())
    form = {"name": "Alpha", "is_active": "on", "is_drill": "on", "main_address": main}
    client = signed_in(firm.administrator)
    client.post(url("orders_account_change", firm.account.pk), form)
    firm.account.refresh_from_db()
    assert (firm.account.is_drill, firm.account.main_address) == (True, main)
    answer = client.post(
        url("orders_account_change", firm.account.pk), form | {"main_address": "no key"}
    )
    assert answer.status_code == 200
    firm.account.refresh_from_db()
    assert firm.account.main_address == main


def set_key(client, firm, **fields):
    address = url("orders_account_api_key", firm.account.pk)
    return client.post(address, {"api_config_key": API_CONFIG_KEY} | fields)


def test_an_api_config_key_is_written_and_never_shown(firm):
    client = signed_in(firm.administrator)
    assert set_key(client, firm).status_code == 302
    assert sealing.open_api_config_key(firm.account) == API_CONFIG_KEY
    text = page(client, "orders_account_page", firm.account.pk)
    text += page(client, "orders_account_api_key", firm.account.pk)
    record = AuditRecord.objects.get(event=Event.API_CONFIG_KEY_CHANGED)
    assert API_CONFIG_KEY not in text + record.data
    assert "AbCd" in text


def test_a_wrong_api_config_key_is_refused_and_not_given_back(firm):
    answer = set_key(signed_in(firm.administrator), firm, api_config_key="CanaryKey")
    assert answer.status_code == 422
    assert "CanaryKey" not in folded(answer)
    assert not SealedApiConfigKey.objects.exists()


def test_an_api_config_key_is_removed_on_the_record(firm):
    client = signed_in(firm.administrator)
    set_key(client, firm)
    set_key(client, firm, act="remove")
    assert not SealedApiConfigKey.objects.exists()
    assert AuditRecord.objects.filter(event=Event.API_CONFIG_KEY_CHANGED).count() == 2


@pytest.mark.parametrize("who", ["head", "operator", "viewer", "stranger"])
def test_only_administrators_touch_api_config_keys(firm, who):
    client = signed_in(getattr(firm, who))
    assert client.get(url("orders_account_api_key", firm.account.pk)).status_code == 403
    assert set_key(client, firm).status_code == 403
    assert not SealedApiConfigKey.objects.exists()


# Credits


def test_the_credits_left_are_on_the_overview_and_the_accounts_page(firm):
    CreditPool.objects.update_or_create(name="keyless", defaults={"quota": 123, "spent": "{}"})
    client = signed_in(firm.viewer)
    assert "/ 123</span>" in page(client, "index")
    assert "<b>123</b> of 123 left" in page(client, "orders_account_page", firm.account.pk)


def test_more_accounts_cost_the_overview_no_more_queries(firm, django_assert_num_queries):
    client = signed_in(firm.viewer)
    with django_assert_num_queries(40, exact=False) as few:
        page(client, "index")
    for n in range(5):
        firm.new_account(f"More {n}", firm.momentum)
    with django_assert_num_queries(40, exact=False) as many:
        page(client, "index")
    assert len(few) == len(many)
