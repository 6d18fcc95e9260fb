"""Alerts by Apprise: to whom, once by each way, and no address is ever told."""

import logging

import pytest
from django.conf import settings as settings_of_site
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from desk import logs
from desk.alert_routes import LIMIT, BadRoute, parse
from orders.models import Alert, AlertKind, AuditRecord, Desk, Event
from orders.operations.alerts import telling, ways
from orders.operations.doctor import outside_checks
from orders.operations.doctor.findings import NOT_ASKED, OK, TROUBLE, Asked, Limits
from tests.helpers.hook import running_hook

NOW = timezone.now()


@pytest.fixture
def hook():
    with running_hook() as server:
        yield server


@pytest.fixture
def route_to(settings):
    """Sets routes: words before the address by the hook that takes them."""
    lines = []

    def route_to(server, words=""):
        lines.append(f"{words} json://user:hush@127.0.0.1:{server.server_port}/hush?cto=2&rto=2")
        settings.ALERT_ROUTES = parse("\n".join(lines))

    return route_to


def alert(desk="Momentum", kind=AlertKind.STUCK_JOB, **columns):
    return Alert.objects.create(
        kind=kind, about="job 1", desk_name=desk, said="Nothing got through.", **columns
    )


def raised(**columns):
    return alert(**{"raised_at": NOW, "next_tell_at": NOW} | columns)


def end(one):
    Alert.objects.filter(pk=one.pk).update(over_at=NOW, next_tell_at=NOW)


@pytest.mark.django_db
def test_a_matter_is_told_once_and_once_when_over(hook, route_to):
    route_to(hook)
    one = raised()
    telling.tell(NOW)
    telling.tell(NOW)
    end(one)
    telling.tell(NOW)
    telling.tell(NOW)
    told = [(each["title"], each["message"]) for each in hook.taken]
    assert told == [
        ("[paper] Stuck job: raised", "Nothing got through."),
        ("[paper] Stuck job: over", "Over: Nothing got through."),
    ]
    assert AuditRecord.objects.filter(event=Event.ALERT).count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "desk", "kind", "is_told"),
    [
        ("desk=Momentum,Carry", "Carry", "stuck_job", True),
        ("desk=Momentum,Carry", "Value", "stuck_job", False),
        ("desk=Momentum", "", "clock", True),  # about no desk: everybody's
        ('desk="Long Short"', "Long Short", "stuck_job", True),
        ("kind=panic_needs_you,stuck_job", "Value", "stuck_job", True),
        ("kind=panic_needs_you", "Value", "stuck_job", False),
        ("desk=Value kind=stuck_job", "Momentum", "stuck_job", False),
    ],
)
def test_a_route_takes_its_desks_and_kinds_alone(hook, route_to, words, desk, kind, is_told):
    route_to(hook, words)
    one = raised(desk=desk, kind=kind)
    telling.tell(NOW)
    assert bool(hook.taken) == is_told
    one.refresh_from_db()
    assert one.told_at is not None  # nobody is left to tell


@pytest.mark.django_db
def test_a_way_that_fails_makes_no_other_repeat_itself(hook, route_to, settings, caplog):
    with running_hook() as other:
        settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{hook.server_port}/hook"
        route_to(other)
        other.status = 500
        one = raised()
        telling.tell(NOW)
        one.refresh_from_db()
        assert (len(hook.taken), len(other.taken), one.told_at) == (1, 1, None)
        assert "by route 1 (json) (it was not taken)" in caplog.text
        other.status = 200
        Alert.objects.update(next_tell_at=NOW)
        telling.tell(NOW)
        assert (len(hook.taken), len(other.taken)) == (1, 2)


@pytest.mark.django_db
def test_a_way_that_fails_oddly_keeps_no_other_silent(hook, route_to, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.ALERT_EMAILS, settings.EMAIL_HOST = ["ops@example.com"], "mail..example.com"
    route_to(hook)
    one = raised()
    telling.tell(NOW)
    one.refresh_from_db()
    assert (len(hook.taken), one.told_at, one.failures) == (1, None, 1)
    assert "by mail (it failed (UnicodeError))" in caplog.text
    assert "example" not in caplog.text


@pytest.mark.django_db
def test_who_heard_of_it_hears_of_its_end_and_nobody_else(hook, route_to, settings):
    with running_hook() as other:
        settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{hook.server_port}/hook"
        route_to(other)
        other.status = 500
        one = raised()
        telling.tell(NOW)
        end(one)
        other.status = 200
        telling.tell(NOW)
        assert [each["state"] for each in hook.taken] == ["raised", "over"]
        assert len(other.taken) == 1  # the try that failed


@pytest.mark.django_db
def test_what_was_told_before_ways_were_kept_is_told_over_by_all(hook, route_to):
    route_to(hook)
    raised(told_at=NOW, over_at=NOW, told_ways=[])
    telling.tell(NOW)
    assert len(hook.taken) == 1


@pytest.mark.django_db
def test_the_end_of_what_nobody_heard_of_is_told_to_nobody(hook, route_to):
    route_to(hook)
    raised(over_at=NOW)
    telling.tell(NOW)
    assert hook.taken == []


@pytest.mark.django_db
def test_no_address_is_logged_or_stored(route_to, hook, caplog):
    caplog.set_level(logging.DEBUG)
    for name, chosen in logs.configuration("DEBUG", "text")["loggers"].items():
        caplog.set_level(
            chosen["level"], name
        )  # as the site sets it; another test may have changed it
    route_to(hook)
    hook.status = 403
    raised()
    telling.tell(NOW)
    assert "hush" not in caplog.text
    assert "hush" not in repr(ways.every_way())
    assert "hush" not in str(list(Alert.objects.values()))


@pytest.mark.django_db
def test_doctor_tries_each_route(hook, route_to):
    route_to(hook)
    untold = Asked(NOW, accounts=False, send_test=False)
    assert outside_checks.check_routes(untold, Limits()).state == NOT_ASKED
    asked = Asked(NOW, accounts=False, send_test=True)
    assert outside_checks.check_routes(asked, Limits()).state == OK
    assert hook.taken[0]["title"] == "[paper] Test: test"
    hook.status = 500
    found = outside_checks.check_routes(asked, Limits())
    assert (found.state, "route 1 (json): it was not taken" in found.said) == (TROUBLE, True)


def renamed(firm):
    type(firm.momentum).objects.filter(pk=firm.momentum.pk).update(name="Momentum EU")


def test_doctor_names_a_desk_that_is_not_there_and_one_that_no_way_reaches(firm, settings):
    """A desk was renamed on its page; its route waits for a name that nobody bears."""
    asked = Asked(NOW, accounts=False, send_test=False)
    everybody = [desk.name for desk in Desk.objects.all()]
    settings.ALERT_ROUTES = parse(f'desk="{",".join(everybody)}" slack://hush')
    assert outside_checks.check_routes(asked, Limits()).state == NOT_ASKED
    renamed(firm)
    found = outside_checks.check_routes(asked, Limits())
    assert found.state == TROUBLE
    assert "no desk is named Momentum." in found.said
    assert "Nobody is told of alerts about Momentum EU." in found.said


@pytest.mark.parametrize("more", ["kind=clock slack://hush", ""])
def test_a_way_for_all_desks_reaches_every_one(firm, settings, more):
    settings.ALERT_ROUTES = parse(f"desk=Momentum slack://hush\n{more}")
    settings.ALERT_EMAILS = [] if more else ["ops@example.com"]
    assert ways.astray() == []
    Desk.objects.filter(pk=firm.foreign_account.desk_id).update(is_active=False)
    settings.ALERT_ROUTES, settings.ALERT_EMAILS = parse("desk=Momentum slack://hush"), []
    assert ways.astray() == []


def test_an_address_that_apprise_does_not_know_is_said(settings):
    settings.ALERT_ROUTES = parse("nosuchservice://hush")
    (way,) = ways.every_way()
    with pytest.raises(ways.CannotTell, match="no address that Apprise knows") as caught:
        way.send(ways.Notice("test", "test", "Test", "", "", "x", ""))
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hush", "line 1: must end with an address"),
        ("# x\n\ndesk=A", "line 3: must end with an address"),
        ("desk= slack://hush", "line 1: before the address"),
        ("desks=A slack://hush", "line 1: before the address"),
        ("slack://hush tgram://hush", "line 1: before the address"),
        ('desk="A slack://hush', "line 1: a quotation mark"),
        ("slack://hush\n" * (LIMIT + 1), f"has {LIMIT + 1} routes"),
    ],
)
def test_a_line_that_cannot_be_meant_is_named_and_not_repeated(text, said):
    with pytest.raises(BadRoute) as caught:
        parse(text)
    assert str(caught.value).startswith(said)
    assert "hush" not in str(caught.value)


def test_a_kind_that_there_is_not_keeps_the_site_from_starting(settings):
    settings.ALERT_ROUTES = parse("kind=panics slack://hush")
    with pytest.raises(ImproperlyConfigured, match="line 1: no kind is called panics"):
        ways.check_routes()


def test_the_documents_name_every_kind():
    text = (settings_of_site.BASE_DIR / "docs/operations.md").read_text()
    assert [kind for kind in AlertKind.values if f"`{kind}`" not in text] == []
