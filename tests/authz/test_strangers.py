"""A stranger to a desk learns nothing of it through any screen."""

import pytest
from django.apps import apps
from django.urls import NoReverseMatch

from orders.cancels import requests
from orders.models import AuditRecord, Cancel, CancelJob, CancelStatus
from tests.helpers.screens import known_order, page, signed_in, url

CANARY = "Canary"
LISTS = ("order", "canceljob", "cancel", "account", "agentwallet", "auditrecord")


@pytest.fixture
def foreign(firm):
    """A whole life on the other desk, in whose every name stands a canary."""
    account = firm.foreign_account
    order = known_order(account, 66_000_000_001, symbol="CANARYCOIN")
    requests.cancel_orders(
        user=firm.stranger,
        actor=firm.actor(firm.stranger),
        order_ids=[order.pk],
        reason="Canary reason",
    )
    Cancel.objects.update(status=CancelStatus.UNKNOWN, next_check_at=order.created_at)
    return {
        "order": order,
        "canceljob": CancelJob.objects.get(),
        "cancel": Cancel.objects.get(),
        "account": account,
        "agentwallet": account.agent_wallets.get(),
        "auditrecord": AuditRecord.objects.filter(desk=firm.basis).first(),
    }


def telling(text):
    """Whether a page tells of the other desk."""
    return any(word in text for word in ("Canary", "CANARY", "66000000001", "Basis", "stefan"))


@pytest.mark.parametrize("noun", LISTS)
@pytest.mark.parametrize("person", ["operator", "viewer", "head", "auditor"])
def test_lists_filters_and_suggestions_show_nothing_foreign(firm, foreign, noun, person):
    client = signed_in(getattr(firm, person))
    query = {"state": "every"} if noun == "order" else {}
    assert not telling(page(client, f"orders_{noun}_changelist", **query))


@pytest.mark.parametrize("noun", LISTS)
def test_a_foreign_row_has_no_page(firm, foreign, noun):
    client = signed_in(firm.head)
    for name in ("change", "history", "delete", "progress", "page"):
        try:
            address = url(f"orders_{noun}_{name}", foreign[noun].pk)
        except NoReverseMatch:
            continue
        answer = client.get(address)
        assert answer.status_code == (403 if name == "delete" else 404), address
        assert not telling(answer.content.decode())


def test_the_owner_of_the_other_desk_does_see_it(firm, foreign):
    client = signed_in(firm.stranger)
    for noun in LISTS:
        assert telling(page(client, f"orders_{noun}_changelist"))


def test_filters_by_foreign_ids_find_nothing(firm, foreign):
    client = signed_in(firm.operator)
    known_order(firm.account, 71_000_000_001)
    for query in ({"account": firm.foreign_account.pk}, {"desk": firm.basis.pk}):
        text = page(client, "orders_order_changelist", **query)
        assert not telling(text)
        assert "71000000001" not in text


@pytest.mark.parametrize(
    "lookup",
    [
        "account__address__startswith",
        "price__startswith",
        "account__desk__name",
        "cancels__job__reason__contains",
        "id__gt",
        "order_id",
    ],
)
def test_no_column_can_be_guessed_through_the_address_line(firm, lookup):
    for noun in LISTS:
        answer = signed_in(firm.operator).get(url(f"orders_{noun}_changelist"), {lookup: "1"})
        assert answer.status_code == 400


def test_autocomplete_offers_nothing_foreign(firm, foreign):
    client = signed_in(firm.head)
    for model in apps.get_app_config("orders").get_models():
        for field in model._meta.get_fields():
            if not (field.is_relation and field.concrete):
                continue
            query = {
                "app_label": "orders",
                "model_name": model._meta.model_name,
                "field_name": field.name,
                "term": "66000000001",
            }
            answer = client.get(url("autocomplete"), query)
            assert answer.status_code in {200, 403, 404}
            text = answer.content.decode()
            said_back = (
                "" if answer.status_code == 200 else query["term"]
            )  # an error names its page
            assert not telling(text.replace(said_back, "") if said_back else text)


def test_selects_offer_nothing_foreign(firm, foreign):
    client = signed_in(firm.head)
    for name in ("orders_agentwallet_add", "orders_order_cancel_by_id"):
        assert not telling(page(client, name))


def test_a_person_without_a_desk_sees_no_list(firm):
    firm.operator.memberships.all().delete()
    client = signed_in(firm.operator)
    assert "You do not belong to a desk yet" in page(client, "index")
    for noun in LISTS:
        assert client.get(url(f"orders_{noun}_changelist")).status_code == 403


def test_administration_is_for_administrators_alone(firm):
    for person in (firm.head, firm.auditor, firm.operator):
        client = signed_in(person)
        for name in ("orders_desk_changelist", "orders_desk_add", "auth_user_changelist"):
            assert client.get(url(name)).status_code == 403
        assert client.post(url("orders_account_add"), {}).status_code == 403


def test_a_deactivated_desk_shows_its_people_nothing(firm):
    known_order(firm.account, 71_000_000_001)
    firm.momentum.is_active = False
    firm.momentum.save()
    answer = signed_in(firm.operator).get(url("orders_order_changelist"))
    assert answer.status_code == 403


def test_nothing_is_ever_deleted(firm):
    order = known_order(firm.account, 71_000_000_001)
    client = signed_in(firm.administrator)
    for name, row in (
        ("orders_order", order),
        ("orders_account", firm.account),
        ("orders_desk", firm.momentum),
        ("auth_user", firm.viewer),
    ):
        assert client.post(url(f"{name}_delete", row.pk), {"post": "yes"}).status_code == 403
        row.refresh_from_db()
