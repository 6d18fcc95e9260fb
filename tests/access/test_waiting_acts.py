"""Which acts wait for a second person, by every door, and that cancels and panics never do."""

import io

import pytest
from django.core.management import CommandError, call_command

from orders.access import second_factor, second_factor_off
from orders.access.four_eyes import NoLonger, Waits
from orders.access.permissions import NotAllowed
from orders.accounts import account_keys, provisioning
from orders.keys import sealing
from orders.models import (
    AgentWallet,
    AuditRecord,
    Cancel,
    Desk,
    Event,
    Membership,
    PanicLine,
    Proposal,
    Role,
    SealedApiConfigKey,
    SealedKey,
    SealedProposal,
    SecondFactor,
)
from orders.panic import decision
from tests.helpers.authenticator import enrolled
from tests.helpers.proposals import approve, decline, second_person, with_second_person
from tests.helpers.screens import click, known_order, signed_in, url

pytestmark = pytest.mark.django_db
API_KEY = "AbCdEfGh_2mt3Hn1kYQY3bYk9Xz"


@pytest.fixture
def strict(firm):
    """The firm, whose desk Momentum asks for a second person."""
    with_second_person(firm.momentum)
    firm.second = second_person(firm)
    return firm


def proposed(firm, user, agent=None):
    """Ask for an agent wallet; the proposal and the key pair."""
    agent = agent or firm.keypair()
    with pytest.raises(Waits) as waits:
        account_keys.add_agent_wallet(
            account=firm.account,
            public_key=str(agent.pubkey()),
            secret=str(agent),
            user=user,
            actor=firm.actor(user),
        )
    return waits.value.proposal, agent


def test_an_agent_wallet_signs_only_once_a_second_person_has_approved_it(strict):
    proposal, agent = proposed(strict, strict.head)
    assert not AgentWallet.objects.filter(public_key=str(agent.pubkey())).exists()
    approve(strict, proposal, strict.second)
    wallet = AgentWallet.objects.get(public_key=str(agent.pubkey()))
    assert wallet.is_active and wallet.created_by == strict.head
    assert sealing.open_signer(wallet) is not None, "what was sealed opens"
    assert not SealedProposal.objects.exists()


def test_a_waiting_key_is_sealed_and_forgotten_once_decided(strict):
    proposal, agent = proposed(strict, strict.head)
    kept = SealedProposal.objects.get()
    assert bytes(agent) not in bytes(kept.sealed) and str(agent) not in proposal.content
    decline(strict, proposal, strict.second)
    assert not SealedProposal.objects.exists()


def test_a_waiting_key_opens_for_no_other_agent_wallet(strict):
    proposed(strict, strict.head)
    sealed = SealedProposal.objects.get()
    other = strict.keypair()
    wallet = AgentWallet.objects.create(
        account=strict.account, public_key=str(other.pubkey()), created_by=strict.head
    )
    SealedKey.objects.create(
        agent_wallet=wallet, sealed_with=sealed.sealed_with, sealed=bytes(sealed.sealed)
    )
    with pytest.raises(sealing.CannotOpen):
        sealing.open_signer(wallet)


def test_a_swapped_waiting_key_is_void(strict):
    proposal, _ = proposed(strict, strict.head)
    SealedProposal.objects.update(sealed=b"another")
    with pytest.raises(NoLonger):
        approve(strict, proposal, strict.second)
    assert not AgentWallet.objects.filter(created_by=strict.head).exists()


def test_a_waiting_key_is_void_once_another_key_seals(strict, monkeypatch):
    proposal, _ = proposed(strict, strict.head)
    from orders.keys import key_settings

    monkeypatch.setattr(key_settings, "sealing_key", lambda: ("newer", None))
    with pytest.raises(NoLonger):
        approve(strict, proposal, strict.second)


def test_the_same_address_on_another_desk_is_no_way_around(strict):
    other, _ = provisioning.add_account(
        name="Twin", desk=strict.basis, address=strict.account.address
    )
    strict.account = other
    proposed(strict, strict.administrator)


def test_enabling_a_disabled_agent_wallet_waits_and_disabling_does_not(strict):
    wallet, about = strict.account.agent_wallets.get(), {}
    about = {"wallet": wallet, "user": strict.head, "actor": strict.actor(strict.head)}
    assert account_keys.disable_agent_wallet(**about)
    wallet.refresh_from_db()
    with pytest.raises(Waits) as waits:
        account_keys.enable_agent_wallet(**about)
    wallet.refresh_from_db()
    assert not wallet.is_active
    approve(strict, waits.value.proposal, strict.second)
    wallet.refresh_from_db()
    assert wallet.is_active


def test_an_api_config_key_waits_and_removing_it_does_not(strict):
    about = {"account": strict.account, "user": strict.administrator}
    about["actor"] = strict.actor(strict.administrator)
    with pytest.raises(Waits) as waits:
        account_keys.set_api_config_key(api_config_key=API_KEY, **about)
    assert not SealedApiConfigKey.objects.exists()
    assert API_KEY not in waits.value.proposal.content
    approve(strict, waits.value.proposal, strict.second)
    strict.account.refresh_from_db()
    assert sealing.open_api_config_key(strict.account) == API_KEY
    assert account_keys.remove_api_config_key(**about)


def person_form(firm, person, role, **fields):
    held = list(Membership.objects.filter(user=person))
    rows = {}
    for at, membership in enumerate(held):
        rows |= {f"memberships-{at}-id": membership.pk, f"memberships-{at}-user": person.pk}
        rows |= {f"memberships-{at}-desk": membership.desk_id, f"memberships-{at}-role": role}
    total = len(held)
    if not held:
        total = 1
        rows |= {"memberships-0-desk": firm.momentum.pk, "memberships-0-role": role}
        rows |= {"memberships-0-user": person.pk}
    frame = {"memberships-TOTAL_FORMS": total, "memberships-INITIAL_FORMS": len(held)}
    about = {"username": person.username, "is_active": "on"}
    return {k: v for k, v in (about | frame | rows | fields).items() if v is not None}


def save(client, person, form):
    answer = client.post(url("auth_user_change", person.pk), form)
    assert answer.status_code == 302, answer.content.decode()
    return answer


def client_of(user):
    """A browser with a fresh proof."""
    return signed_in(user)


def test_a_role_that_acts_waits_on_the_form_and_one_that_looks_does_not(strict):
    client = client_of(strict.administrator)
    save(client, strict.viewer, person_form(strict, strict.viewer, "head"))
    assert Membership.objects.get(user=strict.viewer).role == Role.VIEWER
    changes = AuditRecord.objects.filter(event=Event.MEMBERSHIP_CHANGED)
    assert not changes.filter(data__contains="victor", operator=strict.administrator).exists()
    approve(strict, Proposal.objects.get(), strict.second)
    assert Membership.objects.get(user=strict.viewer).role == Role.HEAD
    save(client, strict.viewer, person_form(strict, strict.viewer, "viewer"))
    assert Membership.objects.get(user=strict.viewer).role == Role.VIEWER


def test_a_new_role_waits_on_the_form(strict):
    person, _ = provisioning._user("nora", "correct horse battery staple")
    client = client_of(strict.administrator)
    save(client, person, person_form(strict, person, "operator"))
    assert not Membership.objects.filter(user=person).exists()
    approve(strict, Proposal.objects.get(), strict.second)
    assert Membership.objects.get(user=person).role == Role.OPERATOR


def test_nobody_makes_a_second_person_alone(strict):
    client = client_of(strict.administrator)
    form = person_form(strict, strict.stranger, "operator", is_superuser="on")
    save(client, strict.stranger, form)
    strict.stranger.refresh_from_db()
    assert not strict.stranger.is_superuser
    proposal = Proposal.objects.get()
    assert proposal.kind == "administrator"
    approve(strict, proposal, strict.second)
    strict.stranger.refresh_from_db()
    assert strict.stranger.is_superuser


def test_a_deactivated_person_comes_back_only_with_a_second_person(strict):
    client = client_of(strict.administrator)
    save(client, strict.head, person_form(strict, strict.head, "head", is_active=None))
    strict.head.refresh_from_db()
    assert not strict.head.is_active, "deactivating never waits"
    save(client, strict.head, person_form(strict, strict.head, "head"))
    strict.head.refresh_from_db()
    assert not strict.head.is_active
    approve(strict, Proposal.objects.get(), strict.second)
    strict.head.refresh_from_db()
    assert strict.head.is_active


def desk_form(desk, **fields):
    about = {"name": desk.name, "is_active": "on", "operators_may_panic": "on"}
    about |= {"confirm_above": 100, "latch_mode": "off", "needs_second_person": "on"}
    return {k: v for k, v in (about | fields).items() if v is not None}


def test_turning_it_off_waits_and_turning_it_on_does_not(strict):
    client = client_of(strict.administrator)
    there = url("orders_desk_change", strict.momentum.pk)
    answer = client.post(there, desk_form(strict.momentum, needs_second_person=None))
    assert answer.status_code == 302, answer.content.decode()
    assert Desk.objects.get(pk=strict.momentum.pk).needs_second_person
    approve(strict, Proposal.objects.get(), strict.second)
    assert not Desk.objects.get(pk=strict.momentum.pk).needs_second_person
    client.post(there, desk_form(strict.momentum))
    assert Desk.objects.get(pk=strict.momentum.pk).needs_second_person


def run(name, *args, stdin="", **options):
    out = io.StringIO()
    call_command(name, *args, stdout=out, **options)
    return out.getvalue()


def test_commands_obey_the_same_rule(strict, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery staple\n"))
    with pytest.raises(CommandError, match="--operator"):
        run("add_operator", "victor", desk="Momentum", role="head")
    with pytest.raises(CommandError) as refused:
        run("add_operator", "victor", desk="Momentum", role="head", operator="admin")
    assert refused.value.returncode == 3
    assert Membership.objects.get(user=strict.viewer).role == Role.VIEWER
    with pytest.raises(CommandError, match="--operator"):
        run("add_administrator", "eve")
    enrolled(strict.operator)
    with pytest.raises(CommandError, match="Say who"):
        run("reset_second_factor", "olivia")
    with pytest.raises(CommandError) as refused:
        run("reset_second_factor", "olivia", operator="admin")
    assert refused.value.returncode == 3
    assert SecondFactor.objects.filter(user=strict.operator).exists()


def test_nobody_gives_a_waiting_role_in_the_name_of_who_may_not(strict):
    with pytest.raises(CommandError, match="may not"):
        run("add_operator", "victor", desk="Momentum", role="head", operator="olivia")
    assert not Proposal.objects.exists()


def test_the_terminal_breaks_the_glass_with_a_reason(strict):
    proposal, agent = proposed(strict, strict.administrator)
    assert str(agent.pubkey()) in run("do_alone")
    with pytest.raises(CommandError, match="Say why"):
        run("do_alone", proposal.pk, operator="admin")
    said = run("do_alone", proposal.pk, operator="admin", reason="the only one awake tonight")
    assert "review" in said
    assert AgentWallet.objects.filter(public_key=str(agent.pubkey())).exists()


def test_a_second_factor_is_turned_off_by_two(strict):
    enrolled(strict.operator)

    with pytest.raises(Waits) as waits:
        second_factor_off.turn_off(
            person=strict.operator,
            user=strict.administrator,
            actor=strict.actor(strict.administrator),
        )
    assert second_factor.is_enrolled(strict.operator)
    approve(strict, waits.value.proposal, strict.second)
    assert not second_factor.is_enrolled(strict.operator)


def test_who_enrolled_after_it_was_asked_is_no_second_person(strict):
    proposal, _ = proposed(strict, strict.head)
    enrolled(strict.administrator)
    with pytest.raises(NotAllowed, match="before"):
        approve(strict, proposal, strict.administrator)
    assert not AgentWallet.objects.filter(created_by=strict.head).exists()


def test_cancels_and_panics_never_wait(strict, settings):
    settings.FOUR_EYES = True
    client = signed_in(strict.operator)
    click(client, known_order(strict.account, 71_000_000_001))
    assert Cancel.objects.count() == 1
    actor = strict.actor(strict.operator)
    decision.record_panic(user=strict.operator, actor=actor, desk_id=strict.momentum.pk)
    assert PanicLine.objects.exists() and not Proposal.objects.exists()
