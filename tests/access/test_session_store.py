"""Sessions are Django's own, whoever wrote them; those that are over are none."""

from datetime import timedelta

import pytest
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from orders.access.session_store import SessionStore


def test_a_session_of_either_is_read_by_the_other(firm):
    for one, other in (db.SessionStore, SessionStore), (SessionStore, db.SessionStore):
        session = one()
        session["said"] = "x"
        session.save()
        again = other(session.session_key)
        assert again["said"] == "x" and again.session_key == session.session_key


@pytest.mark.parametrize("key", ["unknown" * 4, "", "a\x00b", None])
def test_what_is_no_session_is_empty_and_gets_another_key(firm, key):
    session = SessionStore(key)
    assert "said" not in session
    session["said"] = "x"
    session.save()
    assert session.session_key not in {key, ""}


def test_a_session_that_is_over_is_none(firm):
    session = SessionStore()
    session["said"] = "x"
    session.save()
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert "said" not in SessionStore(session.session_key)
