"""Ways around the second person that no other test tries; docs/ways-around.md lists all."""

import json
import threading

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.utils import timezone

from orders.access import four_eyes, one_person, second_factor, second_factor_off, sessions
from orders.access.four_eyes import NoLonger, Waits
from orders.access.permissions import NotAllowed
from orders.accounts import account_keys, waiting_acts
from orders.audit import log
from orders.models import (
    Account,
    AgentWallet,
    Alert,
    AlertKind,
    Desk,
    Identity,
    Latch,
    Membership,
    Proposal,
    Role,
)
from orders.operations.alerts import watch
from orders.panic import decision
from orders.panic.guard import changes, latches
from tests.access.test_four_eyes import glass_broken
from tests.access.test_waiting_acts import API_KEY, desk_form, person_form, proposed, save
from tests.admin.test_proposal_pages import verified
from tests.api import openapi_file
from tests.api.programs import program
from tests.helpers.authenticator import enrolled, is_in, sign_in
from tests.helpers.guards import new_guard
from tests.helpers.oidc_provider import Provider, as_set
from tests.helpers.proposals import (
    approve,
    asked,
    guarded_thing,
    second_person,
    with_second_person,
)
from tests.helpers.screens import signed_in, url
from tests.helpers.terminal import DJANGO_ADMIN, MANAGE, process

pytestmark = pytest.mark.django_db


def made_strict(firm):
    with_second_person(firm.momentum)
    firm.second = second_person(firm)
    return firm


@pytest.fixture
def strict(firm):
    """The firm, whose desk Momentum asks for a second person."""
    return made_strict(firm)


def status(proposal):
    return Proposal.objects.get(pk=proposal.pk).status


def ask_role(firm, person, role=Role.HEAD, user=None):
    user = user or firm.administrator
    about = {"user": user, "actor": firm.actor(user)}
    return waiting_acts.ask_role(person, firm.momentum, role, **about)


def role_of(person):
    return Membership.objects.filter(user=person).values_list("role", flat=True).first()


# --- Who decides --------------------------------------------------------------------------------


def test_who_lost_the_right_since_the_page_was_shown_does_not_approve(strict):
    other = another_head(strict)
    proposal, agent = proposed(strict, strict.head)
    Membership.objects.filter(user=other).update(role=Role.OPERATOR)
    with pytest.raises(NotAllowed):
        approve(strict, proposal, other)
    assert not AgentWallet.objects.filter(public_key=str(agent.pubkey())).exists()


def test_the_head_of_another_desk_does_not_approve(strict):
    other = strict.person("heidi", strict.basis, "head")
    enrolled(other)
    proposal, _ = proposed(strict, strict.head)
    with pytest.raises(NotAllowed):
        approve(strict, proposal, other)
    assert status(proposal) == "waiting"


def test_a_head_does_not_approve_what_is_for_administrators(strict):
    enrolled(strict.head)
    about = {"user": strict.administrator, "actor": strict.actor(strict.administrator)}
    with pytest.raises(Waits) as waits:
        account_keys.set_api_config_key(account=strict.account, api_config_key=API_KEY, **about)
    for proposal in (waits.value.proposal, ask_role(strict, strict.viewer)):
        with pytest.raises(NotAllowed):
            approve(strict, proposal, strict.head)
        assert status(proposal) == "waiting"


def test_whose_factor_was_turned_off_and_set_up_anew_since_does_not_approve(strict):
    proposal, _ = proposed(strict, strict.head)
    second_factor.reset(user=strict.second, actor=log.Actor())
    for _ in range(2):  # without one, and with a new one
        with pytest.raises(NotAllowed, match="before"):
            approve(strict, proposal, strict.second)
        if not second_factor.is_enrolled(strict.second):
            enrolled(strict.second)
    assert status(proposal) == "waiting"


def test_a_password_alone_does_not_approve_for_who_has_a_factor(strict):
    proposal = ask_role(strict, strict.viewer)
    client = sign_in(strict.second)
    there = url("orders_proposal_approve", proposal.pk)
    assert client.post(there, {"seen": proposal.content_sha256}).status_code == 403
    assert status(proposal) == "waiting"


def test_another_sites_form_does_not_approve(strict):
    proposal = ask_role(strict, strict.viewer)
    held = verified(strict.second).cookies
    client = Client(enforce_csrf_checks=True)
    client.cookies = held
    assert is_in(client)
    for act in ("approve", "alone"):
        there, form = url(f"orders_proposal_{act}", proposal.pk), {"reason": "nobody is awake"}
        form["seen"] = proposal.content_sha256
        assert client.post(there, form, headers={"Origin": "https://evil"}).status_code == 403
    assert status(proposal) == "waiting"


def test_of_two_who_approve_at_once_one_has_it_done(committing_firm):
    firm = made_strict(committing_firm)
    people = [firm.second, second_person(firm, "bruno"), second_person(firm, "chiara")]
    start, said = threading.Barrier(len(people)), []
    with guarded_thing() as thing:
        proposal = asked(firm, firm.head)

        def decide(person):
            start.wait()
            try:
                said.append(approve(firm, proposal, person))
            except NoLonger:
                said.append("no longer")
            connection.close()

        threads = [threading.Thread(target=decide, args=[person]) for person in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(thing.done) == 1
    assert sorted(said) == ["The guard waits 20 s.", "no longer", "no longer"]


# --- What is approved ---------------------------------------------------------------------------


def rename(row, name="Sandbox"):
    type(row).objects.filter(pk=row.pk).update(name=name)


def rename_person(person, name="temporary"):
    get_user_model().objects.filter(pk=person.pk).update(username=name)


def ask_factor_off(firm):
    enrolled(firm.head)
    rename_person(firm.head)
    firm.head.refresh_from_db()
    about = {"user": firm.administrator, "actor": firm.actor(firm.administrator)}
    with pytest.raises(Waits) as waits:
        second_factor_off.turn_off(person=firm.head, **about)
    rename_person(firm.head, "hannah")
    return waits.value.proposal


def ask_wallet(firm, renamed):
    rename(renamed)
    firm.account = Account.objects.get(pk=firm.account.pk)
    return proposed(firm, firm.head)[0]


def ask_wallet_of_account(firm):
    proposal = ask_wallet(firm, firm.account)
    rename(firm.account, "Alpha")
    return proposal


def ask_wallet_of_desk(firm):
    proposal = ask_wallet(firm, firm.momentum)
    rename(firm.momentum, "Momentum")
    return proposal


def ask_role_on_desk(firm):
    rename(firm.momentum)
    firm.momentum.refresh_from_db()
    proposal = ask_role(firm, firm.viewer)
    rename(firm.momentum, "Momentum")
    return proposal


def another_head(firm):
    person = firm.person("heidi", firm.basis, "viewer")
    Membership.objects.create(user=person, desk=firm.momentum, role=Role.HEAD)
    enrolled(person)
    return person


def ask_guard(firm):
    guard = new_guard(firm, armed=False)
    rename(firm.account)
    about = {"user": firm.head, "actor": firm.actor(firm.head)}
    setting = changes.Setting(account_id=guard.account_id, ttl_s=600)
    with pytest.raises(Waits) as waits:
        changes.change(guard_id=guard.pk, setting=setting, **about)
    rename(firm.account, "Alpha")
    return waits.value.proposal


def ask_release(firm):
    Desk.objects.filter(pk=firm.momentum.pk).update(latch_mode="alarm")
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    rename(firm.account)
    about = {"user": firm.head, "actor": firm.actor(firm.head), "reason": "The bot is gone."}
    latch = Latch.objects.get(account=firm.account)
    with pytest.raises(Waits) as waits:
        latches.release(latch_id=latch.pk, **about)
    rename(firm.account, "Alpha")
    return waits.value.proposal


def ask_api_config_key(firm):
    rename(firm.account)
    account = Account.objects.select_related("desk").get(pk=firm.account.pk)
    about = {"user": firm.administrator, "actor": firm.actor(firm.administrator)}
    with pytest.raises(Waits) as waits:
        account_keys.set_api_config_key(account=account, api_config_key=API_KEY, **about)
    rename(firm.account, "Alpha")
    return waits.value.proposal


OF_HEADS = [ask_guard, ask_release]  # another head decides these


@pytest.mark.parametrize(
    "ask",
    [
        ask_factor_off,
        ask_wallet_of_account,
        ask_wallet_of_desk,
        ask_api_config_key,
        ask_role_on_desk,
        *OF_HEADS,
    ],
)
def test_it_is_void_once_what_it_names_bears_another_name(strict, ask):
    """Else one asks while the thing bears a harmless name, and gives it its own name back."""
    other = another_head(strict) if ask in OF_HEADS else strict.second
    proposal = ask(strict)
    with pytest.raises(NoLonger, match="has changed"):
        approve(strict, proposal, other)
    assert status(proposal) == "void"


# --- Other doors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "noun", ["proposal", "sealedproposal", "membership", "agentwallet", "desk"]
)
def test_no_page_of_the_framework_decides_changes_or_deletes_what_waits(strict, noun):
    proposal = ask_role(strict, strict.viewer)
    client, form = signed_in(strict.administrator), {"status": "approved", "post": "yes"}
    form |= {"decided_by": strict.second.pk, "role": "head", "needs_second_person": ""}
    base, pk = f"/admin/orders/{noun}/", {"desk": strict.momentum.pk}.get(noun, proposal.pk)
    bulk = {"action": "delete_selected", "_selected_action": pk, "select_across": "1"}
    edited = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": pk, "_save": "Save"}
    for address, about in ((f"{pk}/change/", {}), (f"{pk}/delete/", {}), ("add/", {}), ("", bulk)):
        client.post(base + address, form | about)
    client.post(base, form | edited | {"form-0-status": "approved"})
    assert status(proposal) == "waiting"
    assert role_of(strict.viewer) == Role.VIEWER
    assert Desk.objects.get(pk=strict.momentum.pk).needs_second_person


def test_an_administrator_raises_not_even_their_own_role_alone(strict):
    client = signed_in(strict.administrator)
    form = person_form(strict, strict.administrator, "head", is_superuser="on")
    save(client, strict.administrator, form)
    proposal = Proposal.objects.get()
    there = url("orders_proposal_approve", proposal.pk)
    assert client.post(there, {"seen": proposal.content_sha256}).status_code == 403
    assert role_of(strict.administrator) is None


def test_a_place_on_another_desk_is_not_moved_to_the_desk_that_asks(strict):
    place = Membership.objects.get(user=strict.stranger)
    place.role = Role.HEAD
    place.save()
    form = person_form(strict, strict.stranger, "head")
    form["memberships-0-desk"] = strict.momentum.pk
    save(signed_in(strict.administrator), strict.stranger, form)
    assert Membership.objects.get(user=strict.stranger).desk == strict.basis
    assert not Proposal.objects.exists()


def test_taking_a_role_and_giving_a_higher_one_in_one_form_waits(strict):
    form = person_form(strict, strict.viewer, "viewer")
    form |= {"memberships-TOTAL_FORMS": 2, "memberships-0-DELETE": "on"}
    form |= {"memberships-1-desk": strict.momentum.pk, "memberships-1-role": "head"}
    form["memberships-1-user"] = strict.viewer.pk
    save(signed_in(strict.administrator), strict.viewer, form)
    assert role_of(strict.viewer) in (None, Role.VIEWER)
    assert Proposal.objects.get().kind == "role"


def test_a_new_person_is_added_with_nothing_whatever_the_form_says(strict):
    form = person_form(strict, strict.viewer, "head", is_superuser="on", username="eve")
    form = {k: v for k, v in form.items() if not k.endswith(("-id", "-user"))}
    form |= {"password1": "long enough to pass", "password2": "long enough to pass"}
    form |= {"memberships-INITIAL_FORMS": 0, "usable_password": "true"}
    signed_in(strict.administrator).post(url("auth_user_add"), form)
    eve = get_user_model().objects.get(username="eve")
    assert not eve.is_superuser and role_of(eve) is None


def test_no_operation_of_the_api_gives_keys_roles_or_approvals(strict):
    proposal, told = ask_role(strict, strict.viewer), json.loads(openapi_file.text())["paths"]
    words = ("proposal", "wallet", "key", "person", "role", "member", "user", "desk", "latch")
    assert [path for path in told if any(word in path for word in words)] == []
    caller = program(strict)
    there = url("orders_proposal_approve", proposal.pk)
    form = {"seen": proposal.content_sha256}
    assert caller.client.post(there, form, **caller.about).url.startswith(url("login"))
    assert status(proposal) == "waiting"


def test_an_agent_wallet_waits_from_the_terminal_too(strict, run):
    agent = strict.keypair()
    about = ["--account", "Alpha", "--public-key", str(agent.pubkey())]
    for operator in ([], ["--operator", "hannah"]):
        code, _, said = run("add_agent_wallet", *about, *operator, stdin=str(agent))
        assert (code, "waits for a second person" in said) == (3, True)
    assert not AgentWallet.objects.filter(public_key=str(agent.pubkey())).exists()


def test_groups_that_the_terminal_tells_give_no_role_alone(strict, run, settings):
    there = Provider("http://127.0.0.1:1")
    settings.SINGLE_SIGN_ON = as_set(there, roles={"heads": {"Momentum": "head"}})
    about = {"issuer": settings.SINGLE_SIGN_ON.issuer, "linked_at": timezone.now()}
    Identity.objects.create(user=strict.viewer, subject="7", **about)
    code, said, _ = run("apply_group_roles", "--person", "victor", "--groups", '["heads"]')
    assert (code, "waits for a second person" in said) == (0, True)
    assert role_of(strict.viewer) == Role.VIEWER


@pytest.mark.parametrize("by", [MANAGE, DJANGO_ADMIN], ids=["manage.py", "django-admin"])
def test_the_frameworks_own_command_makes_no_administrator(by, tmp_path):
    """It would record nothing, and ask nobody."""
    about = ("--noinput", "--username", "eve", "--email", "eve@example.com")
    set_to = {"DATA_DIR": str(tmp_path), "DJANGO_SUPERUSER_PASSWORD": "x" * 20}
    done = process("createsuperuser", *about, by=by, **set_to)
    assert (done.returncode, "add_administrator" in done.stderr) == (2, True)


def test_no_code_of_ours_calls_the_frameworks_own_command(db, run):
    code, _, said = run("createsuperuser")
    assert (code, "add_administrator" in said) == (2, True)


# --- The rule itself ----------------------------------------------------------------------------


def test_a_desk_that_was_deactivated_asks_all_the_same(strict):
    form = desk_form(strict.momentum, is_active=None)
    signed_in(strict.administrator).post(url("orders_desk_change", strict.momentum.pk), form)
    assert not Desk.objects.get(pk=strict.momentum.pk).is_active
    proposed(strict, strict.administrator)
    save(
        signed_in(strict.administrator),
        strict.viewer,
        person_form(strict, strict.viewer, "head"),
    )
    assert role_of(strict.viewer) == Role.VIEWER


def test_to_ask_that_the_rule_is_off_switches_nothing_off_yet(strict):
    client, there = signed_in(strict.administrator), url("orders_desk_change", strict.momentum.pk)
    client.post(there, desk_form(strict.momentum, needs_second_person=None))
    proposed(strict, strict.administrator)
    off = Proposal.objects.get(kind="four_eyes_off")
    with pytest.raises(NotAllowed):
        approve(strict, off, strict.administrator)
    assert Desk.objects.get(pk=strict.momentum.pk).needs_second_person


def test_who_was_taken_off_the_desk_to_lose_the_factor_comes_back_by_two_alone(strict):
    enrolled(strict.head)
    client = signed_in(strict.administrator)
    form = person_form(strict, strict.head, "head")
    save(client, strict.head, form | {"memberships-0-DELETE": "on"})
    about = {"user": strict.administrator, "actor": strict.actor(strict.administrator)}
    second_factor_off.turn_off(person=strict.head, **about)
    save(client, strict.head, person_form(strict, strict.head, "head"))
    assert role_of(strict.head) is None
    assert Proposal.objects.get().kind == "role"


def test_who_was_no_administrator_for_a_moment_to_lose_the_factor_is_one_again_by_two(strict):
    client = signed_in(strict.administrator)
    form = {"username": "amanda", "is_active": "on"}
    form |= {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    save(client, strict.second, form)
    strict.second.refresh_from_db()
    assert not strict.second.is_superuser, "to take a right away never waits"
    about = {"user": strict.administrator, "actor": strict.actor(strict.administrator)}
    second_factor_off.turn_off(person=strict.second, **about)
    save(client, strict.second, form | {"is_superuser": "on"})
    strict.second.refresh_from_db()
    assert not strict.second.is_superuser
    assert Proposal.objects.get().kind == "administrator"


# --- Breaking the glass -------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["\u200b" * 20, "\u2060 \u200d" * 9, "." * 20, "\u2800" * 20])
def test_a_reason_that_nobody_can_read_is_none(strict, reason):
    with guarded_thing() as thing:
        proposal = asked(strict, strict.administrator)
        with pytest.raises(one_person.NoReason):
            glass_broken(strict, proposal, strict.administrator, reason)
        assert not thing.done


def over(firm, thing, proposal):
    Proposal.objects.filter(pk=proposal.pk).update(expires_at=timezone.now())


def declined(firm, thing, proposal):
    four_eyes.end(proposal, "declined", firm.second.pk, "no", timezone.now())


def changed(firm, thing, proposal):
    thing.state = {"waits_s": 6}


def tampered(firm, thing, proposal):
    Proposal.objects.filter(pk=proposal.pk).update(content='{"wait_s":200}')


@pytest.mark.parametrize("spoil", [over, declined, changed, tampered])
def test_the_glass_does_not_do_what_is_over_or_another(strict, spoil):
    with guarded_thing() as thing:
        proposal = asked(strict, strict.administrator)
        spoil(strict, thing, proposal)
        with pytest.raises(NoLonger):
            glass_broken(strict, proposal, strict.administrator)
        assert not thing.done


def test_the_rule_switched_off_through_the_glass_is_alarmed_until_another_looked(strict):
    actor = strict.actor(strict.administrator)
    off = waiting_acts.ask_off(strict.momentum, user=strict.administrator, actor=actor)
    glass_broken(strict, off, strict.administrator)
    assert not Desk.objects.get(pk=strict.momentum.pk).needs_second_person
    watch.watch(timezone.now())
    alarms = Alert.objects.current().filter(kind=AlertKind.ONE_PERSON)
    assert alarms.count() == 1
    with pytest.raises(NotAllowed):
        about = {"user": strict.administrator, "actor": actor, "said": "was right"}
        one_person.review(proposal_id=off.pk, **about)
    assert alarms.count() == 1


def test_the_glass_asks_for_a_fresh_proof(strict):
    proposal, client = ask_role(strict, strict.viewer), signed_in(strict.administrator)
    session = client.session
    session[sessions.FRESH] = 0
    session.save()
    form = {"seen": proposal.content_sha256, "reason": "nobody else is awake"}
    answer = client.post(url("orders_proposal_alone", proposal.pk), form)
    assert answer.url.startswith(url("confirm_yourself"))
    assert status(proposal) == "waiting"
