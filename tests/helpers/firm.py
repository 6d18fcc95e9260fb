"""A small trading firm for the tests: two desks, people in every role, accounts with keys."""

import itertools
import pickle

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management.color import no_style
from django.db import connection, transaction
from django.utils import timezone
from solders.keypair import Keypair

from orders.accounts import account_keys, provisioning
from orders.audit import log
from orders.models import Account, Installation, Order, Role
from orders.reconcile import sync

PASSWORD = "correct horse battery staple"


class Firm:
    """Desk *Momentum* with every role, desk *Basis* with an operator of its own."""

    def __init__(self, paper):
        self.paper = paper
        self.bound = []  # what the paper exchange was told: addresses and their agents
        self._seeds = itertools.count(1)
        self.momentum, _ = provisioning.add_desk(name="Momentum")
        self.basis, _ = provisioning.add_desk(name="Basis")
        self.operator = self.person("olivia", self.momentum, Role.OPERATOR)
        self.viewer = self.person("victor", self.momentum, Role.VIEWER)
        self.head = self.person("hannah", self.momentum, Role.HEAD)
        self.auditor = self.person("audrey", self.momentum, Role.AUDITOR)
        self.stranger = self.person("stefan", self.basis, Role.OPERATOR)
        self.administrator, _ = provisioning.add_administrator(name="admin", password=PASSWORD)
        self.account = self.new_account("Alpha", self.momentum)
        self.foreign_account = self.new_account("Canary", self.basis)

    def person(self, name, desk, role):
        user, _ = provisioning.add_operator(name=name, desk=desk, role=role, password=PASSWORD)
        return user

    def keypair(self):
        return Keypair.from_seed(bytes([next(self._seeds)]) * 32)

    def new_account(self, name, desk, *, is_bound=True):
        """An account with its agent wallet, known to the paper exchange too."""
        main, agent = self.keypair(), self.keypair()
        account, _ = provisioning.add_account(name=name, desk=desk, address=str(main.pubkey()))
        account_keys.add_agent_wallet(
            account=account,
            public_key=str(agent.pubkey()),
            secret=str(agent),
            user=self.administrator,
            actor=self.actor(self.administrator),
        )
        agents = [str(agent.pubkey())] if is_bound else []
        self.bound.append((account.address, agents))
        self.paper.account(account.address, agents=agents)
        account.agent_keypair = agent
        return account

    def actor(self, user=None):
        user = user or self.operator
        return log.Actor(user.pk, user.get_username(), "session", "127.0.0.1")

    def orders(self, count=1, account=None, **fields):
        """Orders placed on the paper exchange and read into the app, oldest first."""
        account = account or self.account
        row = {"symbol": "BTC", "side": "bid", "price": "50000", "initial_amount": "0.5"} | fields
        ids = self.paper.orders(account.address, [row] * count)
        sync.sync_account(account_id=account.pk)
        return list(Order.objects.filter(account=account, order_id__in=ids).order_by("order_id"))

    def order(self, **fields):
        return self.orders(1, **fields)[0]


class Founded:
    """What the first firm of this process is made of, to give every test the same one at once.

    Founding one anew takes a hundred statements; its rows are copied by a dozen.
    """

    def __init__(self, firm):
        self.kept = pickle.dumps({k: v for k, v in vars(firm).items() if k != "paper"})
        models = (*OWN, get_user_model())
        with connection.cursor() as cursor:
            every = {model: _all_of(cursor, model._meta.db_table) for model in models}
        self.rows = {model._meta.db_table: rows for model, rows in every.items() if rows}
        filled = [model for model, rows in every.items() if rows]
        numbered = connection.ops.sequence_reset_sql(no_style(), filled)
        self.sequences = " UNION ALL ".join(one.rstrip(";") for one in numbered)

    def again(self, paper) -> Firm:
        """The same firm in an empty database and on an empty exchange."""
        with transaction.atomic(), connection.cursor() as cursor:
            for table, rows in self.rows.items():
                marks = ", ".join(["%s"] * len(rows[0]))
                every = ", ".join([f"({marks})"] * len(rows))
                cursor.execute(f"INSERT INTO {table} VALUES {every}", list(itertools.chain(*rows)))
            if self.sequences:
                cursor.execute(self.sequences)
            Account.objects.update(created_at=timezone.now())  # no test's accounts are old
        firm = Firm.__new__(Firm)
        vars(firm).update(pickle.loads(self.kept), paper=paper)
        paper.reset(accounts=firm.bound)
        return firm


OWN = [model for model in apps.get_app_config("orders").get_models() if model is not Installation]


def _all_of(cursor, table):
    cursor.execute(f"SELECT * FROM {table}")
    return cursor.fetchall()


def namesake(name):
    """Somebody of before names were compared: no page, command or provider makes one any more."""
    people = get_user_model()
    person = people(username=name, is_staff=True)
    person.set_password(PASSWORD)
    people.objects.bulk_create([person])
    return people.objects.get(username=name)
