"""A person sees and ends their own sessions, and nobody else's."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from orders.access import browsers, own_sessions, sessions
from orders.access.sign_in_log import session_hash
from orders.audit import sentences
from orders.models import AuditRecord, Event, Role
from tests.helpers.authenticator import enrolled, is_in, sign_in
from tests.helpers.screens import page, url

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)
BROWSERS = {
    FIREFOX: "Firefox on Linux",
    PHONE: "Safari on iPhone",
    "Mozilla/5.0 (Windows NT 10.0) Chrome/143.0 Safari/537.36 Edg/143.0": "Edge on Windows",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/143.0 Safari/537.36": "Chrome on macOS",
    "Mozilla/5.0 (Linux; Android 15) Chrome/143.0 Mobile Safari/537.36": "Chrome on Android",
    "curl/8.5.0": browsers.UNKNOWN,
    "": browsers.UNKNOWN,
    "<script>alert(1)</script>" * 500: browsers.UNKNOWN,
}


@pytest.mark.parametrize("sent", BROWSERS)
def test_a_browser_is_named_in_words_of_ours_alone(sent):
    assert browsers.in_words(sent) == BROWSERS[sent]


def client_in(person, address, user_agent=FIREFOX):
    """A browser in which this person typed name and password."""
    client = Client(REMOTE_ADDR=address, headers={"User-Agent": user_agent})
    return sign_in(person, client=client)


def name_of(client):
    """What a session is called on its person's page."""
    return session_hash(client.session.session_key)


def end(client, name):
    return client.post(url("own_settings_end_session"), {"session": name}, follow=True)


def end_others(client):
    return client.post(url("own_settings_end_others"), follow=True)


def last(event):
    return AuditRecord.objects.filter(event=event).first()


@pytest.fixture
def here(firm):
    return client_in(firm.operator, "198.51.100.7")


@pytest.fixture
def there(firm):
    return client_in(firm.operator, "203.0.113.9", PHONE)


def test_the_page_tells_of_each_open_session_which_one_it_is(here, there):
    text = page(here, "own_settings")
    for words in ("Firefox on Linux", "Safari on iPhone", "198.51.100.7", "203.0.113.9"):
        assert words in text, words
    assert text.count("this one") == 1
    assert text.index("198.51.100.7") < text.index("203.0.113.9"), "this one stands first"
    assert f'value="{name_of(there)}"' in text
    assert f'value="{name_of(here)}"' not in text, "this one is ended by signing out"


def test_a_session_from_before_something_changed_is_not_listed(here, there):
    session = there.session
    session[sessions.STANDING] = "of before"
    session.save()
    assert "203.0.113.9" not in page(here, "own_settings").partition("Last sign-ins")[0]


def test_the_page_and_the_log_hold_no_key_of_a_session(here, there):
    end(here, name_of(client_in("olivia", "192.0.2.1")))
    text = page(here, "own_settings")
    held = "".join(AuditRecord.objects.values_list("data", flat=True))
    for client in (here, there):
        assert client.session.session_key not in text + held


def test_one_session_is_ended_at_once_and_on_the_record(here, there):
    answer = end(here, name_of(there)).content.decode()
    assert "Ended: Safari on iPhone, from 203.0.113.9" in answer
    assert (is_in(here), is_in(there)) == (True, False)
    record = last(Event.LOGOUT)
    said = "olivia ended another session of theirs: Safari on iPhone, from 203.0.113.9."
    assert sentences.of_record(record) == said


def test_a_request_under_way_does_not_bring_an_ended_session_back(here, there):
    late = there.session  # as a view has it that read the session before it was ended
    late[sessions.SEEN] += 1
    end(here, name_of(there))
    with pytest.raises(UpdateError):
        late.save()
    assert not is_in(there)


def test_all_others_are_ended_and_this_one_goes_on(here, there, firm):
    third, other = client_in(firm.operator, "192.0.2.1"), client_in(firm.head, "192.0.2.2")
    assert "2 other sessions ended." in end_others(here).content.decode()
    assert [is_in(client) for client in (here, there, third, other)] == [True, False, False, True]
    assert sentences.of_record(last(Event.LOGOUT)) == "olivia ended all other sessions of theirs."
    assert "No other session was open." in end_others(here).content.decode()


def test_a_session_that_takes_a_new_key_at_that_moment_is_ended_too(here, there):
    unseen = there.session
    unseen.cycle_key()
    there.cookies["sessionid"] = unseen.session_key
    Session.objects.filter(session_key=unseen.session_key).update(expire_date=timezone.now())
    end_others(here)  # which does not find it
    later = timezone.now() + timedelta(hours=1)
    Session.objects.filter(session_key=unseen.session_key).update(expire_date=later)
    assert not is_in(there)


FORGED = ["", "x", "0" * 64, "\0", "é" * 64, "1" * 5_000]


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_name_ends_nothing_and_is_refused_on_the_record(here, there, name):
    assert own_sessions.NOT_YOURS in end(here, name).content.decode()
    assert is_in(there)
    assert "end a session that is not open or not theirs" in last(Event.ACT_REFUSED).data


@pytest.mark.parametrize("who", ["viewer", "head", "auditor", "administrator"])
def test_nobody_sees_or_ends_anothers_session(here, firm, who):
    other = client_in(getattr(firm, who), "192.0.2.2")
    text = page(other, "own_settings")
    assert "198.51.100.7" not in text and name_of(here) not in text
    for name in (name_of(here), here.session.session_key):
        assert own_sessions.NOT_YOURS in end(other, name).content.decode()
    end_others(other)
    assert is_in(here)
    refused = AuditRecord.objects.filter(event=Event.ACT_REFUSED, operator=getattr(firm, who))
    assert refused.count() == 2


def test_a_person_whose_row_is_like_anothers_is_another_all_the_same(here, firm):
    """Same password hash, same roles: what a session stands on does not tell the two apart."""
    twin = firm.person("twin", firm.momentum, Role.OPERATOR)
    password = get_user_model().objects.get(pk=firm.operator.pk).password
    get_user_model().objects.filter(pk=twin.pk).update(password=password)
    assert own_sessions.of(user=get_user_model().objects.get(pk=twin.pk), this_key=None) == []


def test_this_session_is_not_ended_from_the_page(here):
    assert own_sessions.THIS_ONE in end(here, name_of(here)).content.decode()
    assert is_in(here)


@pytest.mark.parametrize("name", ["end_session", "end_others", "codes"])
def test_acts_of_the_page_are_done_by_post_alone(here, there, name):
    assert here.get(url(f"own_settings_{name}")).status_code == 405
    assert is_in(there)
    assert Client().post(url(f"own_settings_{name}")).url.startswith(url("login"))


def test_a_form_without_its_token_ends_nothing(firm, there):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(firm.operator)
    for name in ("end_session", "end_others", "codes"):
        form = {"session": name_of(there)}
        assert strict.post(url(f"own_settings_{name}"), form).status_code == 403
    assert is_in(there)


def test_a_session_that_is_over_is_told_of_no_more(here, there, firm, settings):
    session = there.session
    session[sessions.SEEN] -= settings.SESSION_IDLE_MINUTES * 60 + 1
    session.save()
    assert "203.0.113.9" not in page(here, "own_settings").split("Last sign-ins")[0]
    firm.operator.set_password("another long one")
    firm.operator.save()
    assert not own_sessions.of(user=firm.operator, this_key=None)


def test_a_cookie_that_was_carried_off_shows_by_its_address(here, there):
    there.get(url("index"), REMOTE_ADDR="192.0.2.66", headers={"Sec-Fetch-Mode": "cors"})
    text = page(here, "own_settings")
    assert "203.0.113.9" in text
    assert "seen last from 192.0.2.66" in text


def test_a_session_that_gave_a_password_and_nothing_else_is_marked(firm):
    device, _ = enrolled(firm.operator)
    here = client_in(firm.operator, "198.51.100.7")
    here.post(url("second_factor"), {"code": device.code()})
    client_in(firm.operator, "203.0.113.9", PHONE)
    assert page(here, "own_settings").count("by password alone") == 1


def test_a_session_of_before_this_page_is_told_of_without_what_was_not_kept(here, there):
    session = there.session
    for name in (sessions.FROM, sessions.SEEN_FROM, sessions.BROWSER):
        del session[name]
    session.save()
    text = page(here, "own_settings")
    assert "not kept" in text and browsers.UNKNOWN in text
    end(here, name_of(there))
    assert not is_in(there)


def test_what_is_told_of_a_session_goes_with_it(here, there, settings):
    over = timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE + 1)
    assert own_sessions.forget_over(timezone.now()) == 0
    assert own_sessions.forget_over(over) == 2
    assert not Session.objects.exists()


def test_a_page_takes_as_many_queries_however_many_are_open(
    firm, here, there, django_assert_num_queries
):
    for _ in range(5):
        client_in(firm.operator, "192.0.2.1")
        client_in(firm.head, "192.0.2.1")
    with django_assert_num_queries(2):
        assert len(own_sessions.of(user=firm.operator, this_key=None)) == 7
