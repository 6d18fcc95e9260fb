"""What raises a risk waits for a second person with the right, bound to its exact content."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone

from orders.access import four_eyes, four_eyes_decisions, one_person
from orders.access.four_eyes import NoLonger
from orders.access.permissions import NotAllowed
from orders.audit import descriptions
from orders.models import (
    Alert,
    AlertKind,
    AuditRecord,
    Event,
    Membership,
    Proposal,
    ProposalKind,
)
from orders.operations.alerts import watch
from tests.helpers.authenticator import enrolled
from tests.helpers.proposals import (
    approve,
    asked,
    decline,
    guarded_thing,
    second_person,
    with_second_person,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def thing(firm):
    with_second_person(firm.momentum)
    firm.second = second_person(firm)
    with guarded_thing() as thing:
        yield thing


def outcomes():
    records = AuditRecord.objects.filter(event=Event.PROPOSAL).order_by("position")
    return [record.outcome for record in records]


def status(proposal):
    return Proposal.objects.get(pk=proposal.pk).status


def test_a_desk_that_does_not_ask_for_it_has_nothing_wait(firm):
    assert not four_eyes.is_needed(firm.momentum)
    assert not four_eyes.is_needed()


def test_the_desk_that_asks_for_it_waits_and_no_other(firm):
    with_second_person(firm.momentum)
    assert four_eyes.is_needed(firm.momentum)
    assert not four_eyes.is_needed(firm.basis)
    assert four_eyes.is_needed(), "an administrator could make the second person"


def test_the_setting_has_every_desk_wait(firm, settings):
    settings.FOUR_EYES = True
    assert four_eyes.is_needed(firm.basis) and four_eyes.is_needed()


def test_a_second_person_with_the_right_has_it_done_once(firm, thing):
    proposal, other = asked(firm, firm.head), firm.second
    assert not thing.done
    assert approve(firm, proposal, other) == "The guard waits 20 s."
    assert thing.done == [({"wait_s": 20}, "amanda")]
    with pytest.raises(NoLonger):
        approve(firm, proposal, other)
    assert len(thing.done) == 1
    assert outcomes() == ["asked", "approved"]


@pytest.mark.parametrize("decide", [approve, decline])
def test_nobody_decides_what_they_asked_for(firm, thing, decide):
    enrolled(firm.head)
    proposal = asked(firm, firm.head)
    with pytest.raises(NotAllowed):
        decide(firm, proposal, firm.head)
    assert status(proposal) == "waiting" and not thing.done
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).exists()


@pytest.mark.parametrize("person", ["operator", "viewer", "auditor", "stranger"])
@pytest.mark.parametrize("decide", [approve, decline])
def test_nobody_without_the_right_decides(firm, thing, decide, person):
    user = getattr(firm, person)
    enrolled(user)
    proposal = asked(firm, firm.head)
    with pytest.raises(NotAllowed):
        decide(firm, proposal, user)
    assert status(proposal) == "waiting" and not thing.done


def test_a_password_alone_is_no_second_person(firm, thing):
    proposal = asked(firm, firm.head)
    with pytest.raises(NotAllowed):
        approve(firm, proposal, firm.administrator)
    assert not thing.done


def test_a_deactivated_person_does_not_decide(firm, thing):
    other = firm.second
    other.is_active = False
    other.save()
    with pytest.raises(NotAllowed):
        approve(firm, asked(firm, firm.head), other)
    assert not thing.done


def test_who_is_deactivated_has_no_part_in_it_whatever_the_act_itself_asks(firm, thing):
    """Each act of today asks for it too; one of tomorrow may forget."""
    proposal, other = asked(firm, firm.head), firm.second
    four_eyes.register(ProposalKind.GUARD, replace(thing.act(), may=lambda user, proposal: True))
    people = get_user_model().objects
    for person, refusal in ((other, NotAllowed), (firm.head, NoLonger)):
        people.filter(pk=person.pk).update(is_active=False)
        with pytest.raises(refusal):
            approve(firm, proposal, people.get(pk=other.pk))
        people.filter(pk=person.pk).update(is_active=True)
    assert not thing.done


def test_the_factor_of_an_administrator_waits_where_any_desk_asks(firm):
    assert not four_eyes.is_needed_of(firm.administrator)
    with_second_person(firm.momentum)
    assert four_eyes.is_needed_of(firm.administrator)
    assert not four_eyes.is_needed_of(firm.stranger)


def test_what_was_declined_is_not_done_afterwards(firm, thing):
    proposal, other = asked(firm, firm.head), firm.second
    decline(firm, proposal, other)
    with pytest.raises(NoLonger):
        approve(firm, proposal, other)
    assert not thing.done and outcomes() == ["asked", "declined"]


def test_it_is_void_once_the_thing_has_changed(firm, thing):
    proposal = asked(firm, firm.head)
    thing.state = {"waits_s": 6}
    with pytest.raises(NoLonger, match="has changed"):
        approve(firm, proposal, firm.second)
    assert status(proposal) == "void" and not thing.done
    assert outcomes() == ["asked", "void"]


@pytest.mark.parametrize(
    "change", [{"content": '{"wait_s":200}'}, {"words": "nothing much"}, {"about": "guard 2"}]
)
def test_it_is_void_once_its_content_was_changed_behind_our_back(firm, thing, change):
    proposal = asked(firm, firm.head)
    Proposal.objects.filter(pk=proposal.pk).update(**change)
    with pytest.raises(NoLonger, match="content"):
        approve(firm, proposal, firm.second)
    assert status(proposal) == "void" and not thing.done


def test_a_page_that_showed_another_content_approves_nothing(firm, thing):
    proposal = asked(firm, firm.head)
    with pytest.raises(NoLonger):
        approve(firm, proposal, firm.second, seen="0" * 64)
    assert not thing.done


def test_it_is_void_once_the_one_who_asked_lost_the_right(firm, thing):
    proposal, other = asked(firm, firm.head), firm.second
    Membership.objects.filter(user=firm.head).update(role="viewer")
    with pytest.raises(NoLonger, match="may not"):
        approve(firm, proposal, other)
    assert status(proposal) == "void" and not thing.done


def test_it_is_void_once_the_one_who_asked_was_deactivated(firm, thing):
    proposal, other = asked(firm, firm.head), firm.second
    firm.head.is_active = False
    firm.head.save()
    with pytest.raises(NoLonger, match="may not"):
        approve(firm, proposal, other)
    assert not thing.done


def test_nothing_is_done_after_its_time(firm, thing, settings):
    proposal, other = asked(firm, firm.head), firm.second
    later = timezone.now() + settings.FOUR_EYES_LASTS
    with pytest.raises(NoLonger, match="expired"):
        approve(firm, proposal, other, now=later)
    assert status(proposal) == "expired" and not thing.done


def test_nothing_is_done_at_its_last_moment(firm, thing):
    proposal = asked(firm, firm.head)
    with pytest.raises(NoLonger, match="expired"):
        approve(firm, proposal, firm.second, now=proposal.expires_at)


def test_what_expired_is_asked_anew(firm, thing):
    """It is not given back as *the same*: nobody could approve it."""
    older = asked(firm, firm.head)
    past = timezone.now() - timedelta(seconds=1)
    Proposal.objects.filter(pk=older.pk).update(expires_at=past)
    newer = asked(firm, firm.head)
    assert newer.pk != older.pk and status(older) == "void"
    assert approve(firm, newer, firm.second) and len(thing.done) == 1


@pytest.mark.parametrize("name", ["kind", "desk_id", "about", "content", "words"])
def test_the_hash_binds_each_part(firm, thing, name):
    proposal = asked(firm, firm.head)
    other = {"kind": "role", "desk_id": firm.basis.pk}.get(name, "another")
    setattr(proposal, name, other)
    assert four_eyes.content_hash(proposal, None) != proposal.content_sha256


def test_the_sweep_ends_what_nobody_decided(firm, thing, settings):
    proposal = asked(firm, firm.head)
    assert not four_eyes_decisions.end_expired(timezone.now())
    assert four_eyes_decisions.end_expired(timezone.now() + settings.FOUR_EYES_LASTS) == 1
    assert status(proposal) == "expired" and outcomes() == ["asked", "out_of_time"]


def test_what_a_clock_ahead_wrote_does_not_wait_for_ever(firm, thing):
    proposal = asked(firm, firm.head)
    later = timezone.now() + timedelta(days=400)
    Proposal.objects.filter(pk=proposal.pk).update(expires_at=later)
    assert four_eyes_decisions.end_expired(timezone.now()) == 1


def test_a_newer_proposal_about_the_thing_replaces_the_older(firm, thing):
    older = asked(firm, firm.head)
    assert asked(firm, firm.head).pk == older.pk, "the same is not asked twice"
    newer = asked(firm, firm.head, content={"wait_s": 30})
    assert status(older) == "void" and status(newer) == "waiting"
    with pytest.raises(NoLonger):
        approve(firm, older, firm.second)
    assert not thing.done


def test_what_cannot_be_done_any_more_leaves_nothing_half_done(firm, thing):
    proposal, thing.fails = asked(firm, firm.head), "The guard is gone."
    with pytest.raises(NoLonger, match="gone"):
        approve(firm, proposal, firm.second)
    assert status(proposal) == "void" and outcomes() == ["asked", "void"]


def test_the_database_itself_knows_no_approval_by_the_one_who_asked(firm, thing):
    proposal = asked(firm, firm.head)
    row = Proposal.objects.filter(pk=proposal.pk)
    by_self = {"status": "approved", "decided_at": timezone.now(), "decided_by": firm.head}
    with pytest.raises(IntegrityError), transaction.atomic():
        row.update(**by_self)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.update(**by_self | {"decided_by": None})
    with pytest.raises(IntegrityError), transaction.atomic():
        row.update(status="approved", decided_by=firm.administrator)


def test_the_same_asked_for_by_another_is_theirs_and_voids_the_first_on_the_record(firm, thing):
    first = asked(firm, firm.head)
    assert asked(firm, firm.head) == first
    second = asked(firm, firm.administrator)
    assert (second.asked_by, status(first)) == (firm.administrator, "void")
    assert outcomes() == ["asked", "void", "asked"]
    with pytest.raises(NotAllowed):
        approve(firm, second, firm.administrator)
    approve(firm, second, firm.second)
    assert thing.done


def glass_broken(firm, proposal, user, reason="nobody answers and the desk stands still"):
    about = {"proposal_id": proposal.pk, "seen": proposal.content_sha256, "reason": reason}
    return one_person.break_glass(user=user, actor=firm.actor(user), **about)


def alarms():
    return Alert.objects.current().filter(kind=AlertKind.ONE_PERSON)


def test_an_administrator_does_it_alone_with_a_reason_and_an_alarm(firm, thing):
    proposal = asked(firm, firm.administrator)
    glass_broken(firm, proposal, firm.administrator)
    assert thing.done and status(proposal) == "broken" and alarms().count() == 1
    assert outcomes() == ["asked", "alone"]
    watch.watch(timezone.now())
    assert alarms().count() == 1, "it stands until it is reviewed"


@pytest.mark.parametrize("reason", ["", "now", "  urgent \n"])
def test_nobody_does_it_alone_without_a_reason(firm, thing, reason):
    proposal = asked(firm, firm.administrator)
    with pytest.raises(one_person.NoReason):
        glass_broken(firm, proposal, firm.administrator, reason)
    assert not thing.done


@pytest.mark.parametrize("person", ["head", "operator", "auditor", "stranger"])
def test_administrators_alone_do_it_alone(firm, thing, person):
    proposal = asked(firm, firm.administrator)
    with pytest.raises(NotAllowed):
        glass_broken(firm, proposal, getattr(firm, person))
    assert not thing.done and not alarms().exists()


@pytest.mark.parametrize("said", ["", "  ", "...", "ok"])
def test_a_review_that_says_nothing_is_none(firm, thing, said):
    proposal = asked(firm, firm.administrator)
    glass_broken(firm, proposal, firm.administrator)
    user = firm.second
    with pytest.raises(one_person.NoReason):
        one_person.review(user=user, actor=firm.actor(user), proposal_id=proposal.pk, said=said)
    assert alarms().exists()


def test_another_administrator_reviews_it_and_the_alarm_ends(firm, thing):
    proposal = asked(firm, firm.administrator)
    glass_broken(firm, proposal, firm.administrator)
    about = {"proposal_id": proposal.pk, "said": "seen, was right"}
    for user in (firm.administrator, firm.head):
        with pytest.raises(NotAllowed):
            one_person.review(user=user, actor=firm.actor(user), **about)
    other = firm.second
    one_person.review(user=other, actor=firm.actor(other), **about)
    watch.watch(timezone.now())
    assert not alarms().exists() and outcomes()[-1] == "reviewed"


def test_every_record_of_it_is_a_sentence(firm, thing):
    proposal = asked(firm, firm.administrator)
    glass_broken(firm, proposal, firm.administrator)
    first = AuditRecord.objects.filter(event=Event.PROPOSAL).earliest("position")
    said = descriptions.of(first)
    words = "admin asked a second person to approve: The guard of Momentum waits 20 s, not 5 s"
    assert said.startswith(words)
