"""`make demo TROUBLE=1`: what goes wrong is armed, and seen on the desk as trouble is."""

from types import SimpleNamespace

from desk.demo import trouble


def test_faults_are_armed_and_another_hand_cancels_one_order(paper_exchange):
    address = paper_exchange.account("7JHJ5fTDXc3rSXxVvxR4xQpA8fZ7nXx3wQqXHkq3PEE")
    paper_exchange.orders(address, 3)
    trouble.arm(paper_exchange.control_url)
    armed = trouble.ask(paper_exchange.control_url, "GET", "/faults")
    assert len(armed["faults"]) == len(trouble.FAULTS)
    assert sum(not order["is_open"] for order in paper_exchange.truth(address).values()) == 1


def test_where_nothing_rests_nothing_is_cancelled(paper_exchange):
    trouble.arm(paper_exchange.control_url)


def test_two_accounts_have_a_trouble_of_their_own():
    def told(name):
        return trouble.of_account(SimpleNamespace(name=name, address="A"), ["agent"])

    assert told(trouble.FEW_CREDITS) == {"address": "A", "agents": ["agent"], "credits": 40}
    assert told(trouble.FOREIGN_AGENT) == {"address": "A", "agents": []}
    assert told("Memes") == {"address": "A", "agents": ["agent"]}
