"""Numbers, names and ports that cannot be meant: one sentence, and nothing is done."""

import pytest
from django.core.management import CommandError, call_command

from orders.models import CancelJob

CANCEL = ("--account", "Alpha", "--symbol", "BTC", "--order-id", "5")
ABOUT = ("--operator", "olivia", "--reason", "drill")
GUARD = ("--desk", "Momentum", "--guard", "quoter", "--operator", "olivia")
WAITING = {
    "a cancel": ("cancel", *CANCEL, *ABOUT, "--wait"),
    "a panic": ("panic", "--desk", "Momentum", *ABOUT, "--wait"),
    "a guard": ("heartbeat", *GUARD, "--loop", "--every"),
    "the practice exchange": ("paper_exchange", "--latency-ms"),
}


@pytest.mark.parametrize("what", WAITING)
@pytest.mark.parametrize("number", ["nan", "-1", "soon"])
def test_a_time_that_is_none_is_refused(firm, what, number):
    """A panic would have been withdrawn at once; a loop would have beaten without a pause."""
    with pytest.raises(CommandError, match="give a number, 0 or more"):
        call_command(*WAITING[what][:-1], f"{WAITING[what][-1]}={number}")
    assert not CancelJob.objects.exists()


def test_a_port_that_is_none_is_one_sentence(run):
    code, _, said = run("paper_exchange", "--port", "99999")
    assert (code, said.startswith("Cannot run: ")) == (1, True)


def test_an_empty_name_is_not_every_account(firm, run):
    code, out, said = run("sync_orders", "--account", "")
    assert (code, out, "No account ''" in said) == (2, "", True)


def test_who_does_it_alone_has_to_be_said(firm, run):
    code, _, said = run("do_alone", "5")
    assert (code, said.startswith("Say with --operator which administrator")) == (2, True)
