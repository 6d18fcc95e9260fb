"""`python -m desk.demo.seed CONTROL LOGINS [--trouble]`: set the firm up; what is there stays.

It runs in an environment of its own, as a sender's, beside a running paper exchange.
"""

import fcntl
import json
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, Request, build_opener

import django
from django.conf import settings

from desk.demo.firm import ACCOUNTS, ADMINISTRATOR, BASIS, MOMENTUM, PEOPLE, orders_of

if TYPE_CHECKING:
    from orders.models import Account, Desk


SEED = 7  # the same firm for everybody
direct = build_opener(ProxyHandler({}))  # this machine only, whatever proxy is configured


def main(control: str, logins_file: str, *options: str) -> None:
    """Migrate, gather static files, enrol everybody, place orders, read them in."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    gather_static_files()
    desks = enrol(json.loads(Path(logins_file).read_text()))
    for number, name in enumerate(ACCOUNTS):
        account = enrol_account(name, desks)
        place_orders(control, account, random.Random(SEED + number))  # noqa: S311
        if options:
            trouble_account(control, account)


def gather_static_files() -> None:
    """Gather them into the checkout's folder; of demos that start at once, one at a time."""
    from django.core.management import call_command

    folder = Path(settings.STATIC_ROOT)
    folder.mkdir(exist_ok=True)
    place = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        call_command("collectstatic", interactive=False, verbosity=0)
    finally:
        os.close(place)


def enrol(passwords: dict[str, str]) -> dict[str, "Desk"]:
    """Desks and people; the desks by name."""
    from orders.accounts import provisioning

    desks = {name: provisioning.add_desk(name=name)[0] for name in (MOMENTUM, BASIS)}
    provisioning.add_administrator(name=ADMINISTRATOR, password=passwords[ADMINISTRATOR])
    for name, (role, where) in PEOPLE.items():
        for desk in where:
            provisioning.add_operator(
                name=name, desk=desks[desk], role=role, password=passwords[name]
            )
    return desks


def enrol_account(name: str, desks: "dict[str, Desk]") -> "Account":
    """The account with its agent wallet, whose keys are new and are kept nowhere but sealed."""
    from django.contrib.auth import get_user_model
    from solders.keypair import Keypair

    from orders.accounts import account_keys, provisioning
    from orders.audit import log
    from orders.models import Account

    desk = desks[ACCOUNTS[name][0]]
    account = Account.objects.filter(desk=desk, name=name).first()
    if account is None:
        address = str(Keypair().pubkey())
        account, _ = provisioning.add_account(name=name, desk=desk, address=address)
    if not account.agent_wallets.exists():
        agent = Keypair()
        user = get_user_model().objects.get(username=ADMINISTRATOR)
        account_keys.add_agent_wallet(
            account=account,
            public_key=str(agent.pubkey()),
            secret=json.dumps(list(bytes(agent))),
            user=user,
            actor=log.Actor(user.pk, user.get_username()),
        )
    return account


def place_orders(control: str, account: "Account", dice: random.Random) -> None:
    """Make the account known to the paper exchange; orders only where it never had any."""
    from orders.reconcile import sync

    agents = list(account.agent_wallets.values_list("public_key", flat=True))
    ask(control, "PUT", "/accounts", {"address": account.address, "agents": agents})
    if ask(control, "GET", f"/orders?account={account.address}")["orders"]:
        return
    placed = {"account": account.address, "orders": orders_of(account.name, dice)}
    ask(control, "POST", "/orders", placed)
    sync.sync_account(account_id=account.pk)


def trouble_account(control: str, account: "Account") -> None:
    """Give the account the trouble that is meant for it."""
    from desk.demo import trouble

    agents = list(account.agent_wallets.values_list("public_key", flat=True))
    ask(control, "PUT", "/accounts", trouble.of_account(account, agents))


def ask(control: str, method: str, door: str, body: Any = None) -> Any:
    """One request to the paper exchange's control doors."""
    data = None if body is None else json.dumps(body).encode()
    with direct.open(Request(control + door, data, method=method), timeout=30) as answer:  # noqa: S310
        return json.loads(answer.read())


if __name__ == "__main__":
    main(*sys.argv[1:])
