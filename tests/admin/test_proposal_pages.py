"""The page of what waits for a second person shows what would change; a POST decides."""

import pytest

from orders.access import sessions
from orders.models import Latch, Membership, Proposal, Role
from orders.panic import decision
from tests.access.test_waiting_acts import person_form, save
from tests.helpers.proposals import second_person, with_second_person
from tests.helpers.screens import page, signed_in, url

pytestmark = pytest.mark.django_db
LIST = "orders_proposal_changelist"


@pytest.fixture
def proposal(firm):
    """That Victor becomes head of Momentum, asked for by the administrator."""
    with_second_person(firm.momentum)
    firm.second = second_person(firm)
    save(signed_in(firm.administrator), firm.viewer, person_form(firm, firm.viewer, "head"))
    return Proposal.objects.get()


def verified(user):
    """A browser in which this person gave the second factor."""
    client = signed_in(user)
    session = client.session
    session[sessions.VERIFIED] = 1
    session.save()
    return client


def status(proposal):
    return Proposal.objects.get(pk=proposal.pk).status


def test_the_page_shows_what_would_change_and_lets_another_decide(firm, proposal):
    own, other = page(signed_in(firm.administrator), LIST), page(verified(firm.second), LIST)
    for text in (own, other):
        assert "victor becomes desk head of Momentum" in text
    assert "Approve" in other and "Approve" not in own
    assert status(proposal) == "waiting"


def test_a_post_approves_and_a_get_does_not(firm, proposal):
    client, there = verified(firm.second), url("orders_proposal_approve", proposal.pk)
    assert client.get(there).status_code == 405
    assert status(proposal) == "waiting"
    client.post(there, {"seen": proposal.content_sha256})
    assert status(proposal) == "approved"
    assert Membership.objects.get(user=firm.viewer).role == Role.HEAD


def test_approving_asks_for_a_fresh_proof(firm, proposal):
    client = verified(firm.second)
    session = client.session
    session[sessions.FRESH] = 0
    session.save()
    answer = client.post(
        url("orders_proposal_approve", proposal.pk), {"seen": proposal.content_sha256}
    )
    assert answer.url.startswith(url("confirm_yourself"))
    assert status(proposal) == "waiting"


def test_the_one_who_asked_is_refused(firm, proposal):
    client = signed_in(firm.administrator)
    for act in ("approve", "decline"):
        there = url(f"orders_proposal_{act}", proposal.pk)
        assert client.post(there, {"seen": proposal.content_sha256}).status_code == 403
    assert status(proposal) == "waiting"


@pytest.mark.parametrize("person", ["operator", "viewer", "auditor", "stranger"])
def test_nobody_else_sees_the_page(firm, proposal, person):
    assert signed_in(getattr(firm, person)).get(url(LIST)).status_code == 403


def test_done_alone_stands_on_the_page_until_another_reviewed_it(firm, proposal):
    about = {"seen": proposal.content_sha256, "reason": "nobody else is awake"}
    client, other = signed_in(firm.administrator), verified(firm.second)
    client.post(url("orders_proposal_alone", proposal.pk), about)
    assert status(proposal) == "broken"
    assert "Done by one person alone" in page(client, LIST)
    other.post(url("orders_proposal_review", proposal.pk), {"reason": "was right"})
    assert "Done by one person alone:" not in page(other, LIST)


@pytest.fixture
def release(firm):
    """That a latch is released, asked for by the only head of its desk."""
    firm.momentum.latch_mode = "alarm"
    firm.momentum.save()
    with_second_person(firm.momentum)
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    there = url("orders_latch_release", Latch.objects.get().pk)
    signed_in(firm.head).post(there, {"reason": "the bot is stopped"})
    return Proposal.objects.get()


@pytest.mark.parametrize("person", ["administrator", "head"])
def test_what_desk_heads_decide_alone_is_said_to_be_theirs(firm, release, person):
    text = page(signed_in(getattr(firm, person)), LIST)
    assert "Momentum has no other desk head: an administrator makes one, who has to decide" in text
    firm.momentum.memberships.filter(user=firm.operator).update(role=Role.HEAD)
    text = page(signed_in(getattr(firm, person)), LIST)
    assert "Another desk head of Momentum has to decide" in text
    assert "An administrator has to decide" not in text


def test_an_administrator_is_offered_no_act_that_is_not_theirs(firm, release):
    text = page(signed_in(firm.administrator), LIST)
    assert "Release the latch" in text
    for act in ("approve", "decline", "alone"):
        assert url(f"orders_proposal_{act}", release.pk) not in text
