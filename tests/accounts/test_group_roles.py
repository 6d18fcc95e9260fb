"""Roles from groups: given, changed, taken away; and what waits for a second person."""

import json

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from orders.access import four_eyes, four_eyes_decisions, sessions
from orders.accounts import group_roles
from orders.audit import log, sentences
from orders.models import AuditRecord, Desk, Event, Identity, Membership, Proposal
from tests.helpers.elsewhere import PATIENCE_S, elsewhere
from tests.helpers.oidc_provider import Provider, as_set

pytestmark = pytest.mark.django_db
ROLES = {
    "/heads": {"Momentum": "head"},
    "traders": {"Momentum": "operator", "Basis": "viewer"},
    "look": {"Momentum": "viewer"},
    "audit": {"Momentum": "auditor"},
}


@pytest.fixture
def provider(settings):
    settings.SINGLE_SIGN_ON = as_set(Provider("http://127.0.0.1:1"), roles=ROLES)
    return settings.SINGLE_SIGN_ON


@pytest.fixture
def jane(firm, provider):
    user = get_user_model().objects.create(username="jane", is_staff=True)
    about = {"issuer": provider.issuer, "subject": "7", "linked_at": timezone.now()}
    Identity.objects.create(user=user, **about)
    return user


def apply(person, provider, *groups):
    actor = log.Actor(person.pk, person.username)
    return group_roles.apply(person=person, groups=groups, provider=provider, actor=actor)


def roles(person):
    held = Membership.objects.filter(user=person)
    return dict(held.values_list("desk__name", "role"))


def test_groups_give_roles_and_each_is_a_record(jane, provider):
    apply(jane, provider, "traders", "nothing of ours")
    assert roles(jane) == {"Momentum": "operator", "Basis": "viewer"}
    changed = AuditRecord.objects.filter(event=Event.MEMBERSHIP_CHANGED, operator_name="jane")
    assert {sentences.of_record(each) for each in changed} == {
        "jane made jane operator of Momentum.",
        "jane made jane viewer of Basis.",
    }


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["traders", "/heads"], "head"),
        (["/heads", "traders"], "head"),
        (["audit", "traders"], "operator"),
        (["look", "audit"], "auditor"),
    ],
)
def test_of_two_roles_on_one_desk_the_first_of_the_order_counts(jane, provider, groups, role):
    apply(jane, provider, *groups)
    assert roles(jane)["Momentum"] == role


def test_what_a_group_gave_goes_with_it(jane, provider):
    apply(jane, provider, "traders", "/heads")
    epoch = sessions.epoch_of(jane.pk)
    apply(jane, provider, "look")
    assert roles(jane) == {"Momentum": "viewer"}
    assert sessions.epoch_of(jane.pk) != epoch  # every session ends
    apply(jane, provider)
    assert roles(jane) == {}


def test_the_same_groups_change_nothing(jane, provider):
    apply(jane, provider, "traders")
    count = AuditRecord.objects.count()
    assert apply(jane, provider, "traders") == []
    assert AuditRecord.objects.count() == count


def test_a_desk_that_the_file_does_not_name_is_left_alone(firm, jane, provider):
    other = Desk.objects.create(name="Carry")
    Membership.objects.create(user=jane, desk=other, role="head")
    apply(jane, provider)
    assert roles(jane) == {"Carry": "head"}


def test_a_desk_that_is_not_there_gives_nothing_and_is_named(jane, provider):
    provider.roles["traders"]["Gone"] = "head"
    try:
        apply(jane, provider, "traders")
        assert "Gone" not in roles(jane)
        assert group_roles.unknown_desks(provider) == ["Gone"]
    finally:
        del provider.roles["traders"]["Gone"]


# --- A second person -----------------------------------------------------------------------------


@pytest.fixture
def careful(firm):
    Desk.objects.filter(pk=firm.momentum.pk).update(needs_second_person=True)


def test_a_role_that_acts_waits_for_a_second_person(firm, jane, provider, careful):
    said = apply(jane, provider, "traders")
    assert roles(jane) == {"Basis": "viewer"}
    assert "waits for a second person: jane becomes operator of Momentum" in said
    proposal = Proposal.objects.get()
    assert proposal.asked_by == jane
    apply(jane, provider, "traders")
    assert Proposal.objects.get() == proposal  # not once for each sign-in


def test_two_sign_ins_at_one_moment_ask_once_and_none_fails(jane, provider, careful, monkeypatch):
    def taken(*args, **kwargs):
        raise four_eyes.NoLonger("Somebody asked for the same at this moment.")

    monkeypatch.setattr(group_roles.waiting_acts, "ask_role", taken)
    assert "Somebody asked for the same at this moment." in apply(jane, provider, "traders")


def test_an_approved_role_is_given_and_stays(firm, jane, provider, careful):
    apply(jane, provider, "traders")
    proposal = Proposal.objects.get()
    actor = log.Actor(firm.administrator.pk, "admin")
    now = timezone.now()
    status = four_eyes_decisions.ProposalStatus.APPROVED
    seen = proposal.content_sha256
    four_eyes_decisions.carry_out(proposal, status, actor, seen, "", now)
    assert roles(jane)["Momentum"] == "operator"
    assert apply(jane, provider, "traders") == []


def test_a_role_by_groups_is_void_once_the_groups_are_others(firm, jane, provider, careful):
    apply(jane, provider, "traders")
    Identity.objects.update(groups=["look"])
    proposal, actor = Proposal.objects.get(), log.Actor(firm.administrator.pk, "admin")
    with pytest.raises(four_eyes.NoLonger):
        four_eyes_decisions.carry_out(
            proposal,
            four_eyes_decisions.ProposalStatus.APPROVED,
            actor,
            proposal.content_sha256,
            "",
            timezone.now(),
        )
    assert roles(jane) == {"Basis": "viewer"}


def test_what_the_provider_took_away_goes_at_once_though_the_rest_waits(
    jane, provider, careful, firm
):
    """From operator to auditor: verifying waits, cancelling ends."""
    Membership.objects.create(user=jane, desk=firm.momentum, role="operator")
    apply(jane, provider, "audit")
    assert roles(jane)["Momentum"] == "viewer"
    assert Proposal.objects.get().words == "jane becomes auditor of Momentum"


def test_who_is_raised_keeps_what_they_had_until_then(jane, provider, careful, firm):
    Membership.objects.create(user=jane, desk=firm.momentum, role="operator")
    apply(jane, provider, "/heads")
    assert roles(jane)["Momentum"] == "operator"


# --- From the terminal ---------------------------------------------------------------------------


def test_the_command_gives_everybody_their_roles_now(jane, provider, run):
    Identity.objects.update(groups=["traders"])
    code, out, _ = run("apply_group_roles", "--dry-run")
    assert (code, roles(jane)) == (0, {})
    assert "jane: jane is operator of Momentum" in out
    run("apply_group_roles")
    assert roles(jane) == {"Momentum": "operator", "Basis": "viewer"}
    _, out, _ = run("apply_group_roles")
    assert "Every role is as the groups say." in out


def test_the_command_takes_roles_away_from_one_person_at_once(jane, provider, run):
    Identity.objects.update(groups=["traders"])
    run("apply_group_roles")
    run("apply_group_roles", "--person", "jane", "--groups", "[]")
    assert roles(jane) == {}
    assert Identity.objects.get().groups == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--groups", "[]"), "Say with --person"),
        (("--person", "jane", "--groups", "heads"), "--groups must be a list"),
        (("--person", "jane", "--groups", "[1]"), "--groups must be a list"),
        (("--person", "hannah"), "hannah does not sign in by Example ID"),
        (("--person", "nobody"), "no active operator named"),
    ],
)
def test_the_command_says_what_is_wrong(jane, provider, run, options, words):
    code, _, err = run("apply_group_roles", *options)
    assert code
    assert words in err


def test_groups_are_kept_as_they_are_told(provider):
    assert json.loads(json.dumps(group_roles.wanted(["/heads"], provider))) == {"Momentum": "head"}


@pytest.mark.skipif(settings.IS_SQLITE, reason="SQLite has one writer at a time")
def test_who_signs_in_by_two_browsers_at_once_is_given_a_role_once(committing_firm, monkeypatch):
    there = as_set(Provider("http://127.0.0.1:1"), roles={"traders": {"Momentum": "operator"}})
    jane = get_user_model().objects.create(username="jane", is_staff=True)
    real, others, said = log.append, [], []

    def append(*facts):
        if not others:
            others.append(None)
            others[0] = elsewhere(lambda: said.append(apply(jane, there, "traders")), 0.5)
        return real(*facts)

    monkeypatch.setattr(log, "append", append)
    apply(jane, there, "traders")
    others[0].join(PATIENCE_S)
    assert said == [[]]
    assert roles(jane) == {"Momentum": "operator"}
