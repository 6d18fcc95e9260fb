"""A bot's guard through the API: armed, kept alive, disarmed; told where it fired."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.api import acts
from orders.models import ApiToken, AuditRecord, Event, Guard, GuardStatus
from orders.panic.guard import firing
from tests.api.programs import problem, program
from tests.helpers.guards import new_guard


@pytest.fixture
def guard(firm):
    return new_guard(firm, armed=False)


@pytest.fixture
def bot(firm):
    return program(firm, "guard")


def test_a_bot_arms_beats_and_disarms_its_guard_under_its_own_name(firm, guard, bot):
    place = f"/guards/{guard.pk}"
    armed = bot.post(f"{place}/arm", {})
    assert armed.status_code == 202, armed.content
    assert "fires after 10 s" in armed.json()["said"]
    assert bot.get(place).json()["left_s"] > 9
    heard = bot.post(f"{place}/beat").json()
    assert (heard["status"], heard["left_s"]) == ("armed", 10)
    assert bot.post(f"{place}/disarm", {"reason": "shutting down"}).status_code == 202
    assert bot.get("/guards").json()["guards"][0]["status"] == "disarmed"
    record = AuditRecord.objects.get(event=Event.GUARD_ARMED)
    assert (record.operator, '"token":"quoter-1"' in record.data) == (firm.head, True)


def test_a_bot_is_told_whether_its_guard_is_armed_for_a_drill_and_arms_it_for_real(
    firm, guard, bot
):
    firm.account.is_drill = True
    firm.account.save()
    place = f"/guards/{guard.pk}"
    bot.post(f"{place}/arm", {"is_drill": True})
    assert bot.get(place).json()["is_drill"] is True
    assert "is armed. It fires" in bot.post(f"{place}/arm", {}).json()["said"]
    assert bot.get("/guards").json()["guards"][0]["is_drill"] is False
    refused = problem(bot.post(f"{place}/arm", {"is_drill": True}), 422)
    assert "Disarm it before a drill" in refused["detail"]


def test_an_act_on_a_guard_with_the_same_key_is_done_once(guard, bot):
    for _ in range(2):
        bot.post(f"/guards/{guard.pk}/arm", {}, key="arm-1")
    assert AuditRecord.objects.filter(event=Event.GUARD_ARMED).count() == 1


@pytest.mark.parametrize("act", ["arm", "disarm"])
def test_an_act_on_a_guard_whose_answer_could_not_be_kept_was_not_done(
    guard, bot, act, monkeypatch
):
    place, body = f"/guards/{guard.pk}/{act}", {"reason": "over"} if act == "disarm" else {}
    if act == "disarm":
        bot.post(f"/guards/{guard.pk}/arm", {})
    before = Guard.objects.values("status", "arming").get()
    with monkeypatch.context() as broken:
        broken.setattr(acts, "of_job", fails)
        problem(bot.post(place, body, key="x1"), 500)
    assert Guard.objects.values("status", "arming").get() == before
    told = bot.post(place, body, key="x1").json()
    assert (f"is {act}ed" in told["said"], told["is_repeated"]) == (True, False)


def fails(*_, **__):
    """As a process does that ends here."""
    raise RuntimeError


def test_a_beat_that_comes_too_late_is_refused_with_what_was_done(firm, guard, bot):
    bot.post(f"/guards/{guard.pk}/arm", {})
    guard.refresh_from_db()
    firing.fire(guard_id=guard.pk, number=1, beat_no=guard.beat_no, silence_s=11)
    told = problem(bot.post(f"/guards/{guard.pk}/beat"), 409)
    assert "does not stop what was recorded" in told["detail"]
    assert bot.get(f"/guards/{guard.pk}").json()["job_id"]
    guard.refresh_from_db()
    assert guard.status == GuardStatus.FIRED


def test_a_beat_without_arming_is_refused(guard, bot):
    assert "not armed" in problem(bot.post(f"/guards/{guard.pk}/beat"), 409)["detail"]


def test_a_beat_writes_the_guards_row_alone(guard, bot):
    bot.post(f"/guards/{guard.pk}/arm", {})
    Guard.objects.update(beat_at="2020-01-01T00:00Z")
    with CaptureQueriesContext(connection) as queries:
        assert bot.post(f"/guards/{guard.pk}/beat").status_code == 200
    written = [query["sql"] for query in queries if query["sql"].startswith(("UPDATE", "INSERT"))]
    assert len(written) == 1, written
    assert 'UPDATE "orders_guard"' in written[0]


def test_the_use_of_a_token_that_only_beats_is_noted(guard, bot):
    bot.post(f"/guards/{guard.pk}/beat")
    assert ApiToken.objects.get().last_used_at


def test_a_program_without_the_right_beats_nothing(firm, guard):
    problem(program(firm, "panic").post(f"/guards/{guard.pk}/beat"), 403)


def test_disarming_without_a_reason_is_refused(guard, bot):
    bot.post(f"/guards/{guard.pk}/arm", {})
    problem(bot.post(f"/guards/{guard.pk}/disarm", {"reason": ""}), 422)
