"""A matter that becomes more while it stands is told again; one that becomes less is not."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.accounts import unheld_wallets, wallet_check
from orders.management import sweep
from orders.models import Alert, PanicLine, PanicStatus
from orders.operations.alerts import telling, watch, ways
from orders.panic import decision
from tests.helpers.hook import running_hook

NOW = timezone.now()


@pytest.fixture
def hook(settings):
    with running_hook() as server:
        settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{server.server_port}/hook"
        yield server


def texts(hook, state="raised"):
    return [one["text"] for one in hook.taken if one["state"] == state]


def look(seconds=0):
    sweep.beat("sweep", NOW + timedelta(seconds=seconds))
    watch.watch(NOW + timedelta(seconds=seconds))


@pytest.fixture
def strangers(firm):
    """Has the exchange show these keys, beside ours, at a test."""

    def strangers(*keys):
        wallet = firm.account.agent_wallets.get()
        firm.paper.account(firm.account.address, agents=[wallet.public_key, *keys])
        wallet_check.ask_for_test(wallet=wallet, user=firm.head, actor=firm.actor(firm.head))
        wallet_check.probe(wallet_id=wallet.pk)

    return strangers


@pytest.fixture
def keys(firm):
    return [str(firm.keypair().pubkey()) for _ in range(2)]


def test_a_second_foreign_wallet_is_told_while_the_alarm_of_the_first_stands(hook, strangers, keys):
    known, thief = keys
    for seconds, bound in enumerate([(known,), (known, thief), (thief, known), (thief,)]):
        strangers(*bound)
        look(seconds)
    assert [thief in text for text in texts(hook)] == [False, True]
    assert thief in Alert.objects.get().said and known not in Alert.objects.get().said
    strangers(known, thief)
    look(10)
    assert len(texts(hook)) == 3  # it was revoked, and is bound again
    strangers()
    look(20)
    assert (len(texts(hook)), len(texts(hook, "over"))) == (3, 1)


def test_each_account_that_a_panic_gave_up_on_is_told(firm, hook):
    firm.new_account("Beta", firm.momentum)
    by = {"user": firm.operator, "actor": firm.actor()}
    decision.record_panic(**by, desk_id=firm.momentum.pk, reason="all out")
    lines = PanicLine.objects.filter(job__desk=firm.momentum)
    for seconds, name in enumerate(["Alpha", "Beta"]):
        lines.filter(account__name=name).update(status=PanicStatus.NEEDS_YOU)
        look(seconds)
    told = [text for text in texts(hook) if "needs somebody" in text]
    assert ["Beta" in text for text in told] == [False, True]


def standing(**columns):
    about = {"kind": "not_ours", "about": "account 1", "desk_name": "Momentum"}
    return Alert.objects.create(**about | {"raised_at": NOW, "next_tell_at": NOW} | columns)


def become(*parts, said="A, B"):
    Alert.objects.raise_once(
        kind="not_ours", about="account 1", desk_name="", said=said, now=NOW, parts=parts
    )
    return Alert.objects.get()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("said", "is_told"), [("A, B", True), ("the words B and A", True), ("A", False)]
)
def test_what_an_older_release_told_is_told_again_only_where_its_words_held_less(said, is_told):
    standing(said=said, told_at=NOW, told_ways=["raised webhook"])
    assert bool(become("A", "B").told_at) == is_told
    assert become("A", "B").said == "A, B"


@pytest.mark.django_db
def test_who_heard_of_less_hears_of_the_end(hook):
    """The second telling failed, and then it was over."""
    standing(said="A")
    become("A", said="A")
    telling.tell(NOW)
    hook.status = 500
    become("A", "B")
    telling.tell(NOW)
    hook.status = 200
    Alert.objects.update(over_at=NOW, next_tell_at=NOW)
    telling.tell(NOW)
    assert texts(hook, "over") == ["Over: A, B"]


@pytest.mark.django_db
def test_what_becomes_more_while_it_is_told_is_told_again(hook):
    standing(said="A")
    become("A", said="A")
    (alert,) = Alert.objects.to_tell(NOW)
    become("A", "B")
    telling._tell(alert, ways.every_way(), NOW)
    assert Alert.objects.get().told_at is None
    telling.tell(NOW)
    assert "A, B" in texts(hook)


def test_an_entry_with_commas_is_one(keys):
    odd = f'{unheld_wallets.ODD} {{"key": 1, "of": "{keys[0][:9]}"}}'
    unheld = [*keys, odd, f"{unheld_wallets.ODD} 5"]
    assert unheld_wallets.entries_of(", ".join(unheld)) == tuple(unheld)
