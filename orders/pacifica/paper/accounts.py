"""Who trades here: accounts, the agent wallets bound to them, subaccounts and API config keys."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Account:
    """One account. ``main``: address of its main account where it is a subaccount.

    ``credits``: its own quota per window, None for unlimited. ``api_key``: its API config key.
    """

    address: str
    agents: list[str] = field(default_factory=list)
    main: str | None = None
    credits: float | None = None
    api_key: str | None = None


class Accounts:
    """All accounts by address."""

    def __init__(self) -> None:
        self.by_address: dict[str, Account] = {}
        self.by_api_key: dict[str, Account] = {}
        self.revision = 0

    def put(self, account: Account) -> None:
        """Add the account, or replace what was known of it."""
        self.revision += 1
        self.by_address[account.address] = account
        self.by_api_key = {
            each.api_key: each for each in self.by_address.values() if each.api_key is not None
        }

    def get(self, address: str | None) -> Account | None:
        """Find the account, or None."""
        return None if address is None else self.by_address.get(address)

    def main_of(self, account: Account) -> Account:
        """Find the account whose pool of credits it shares: its main account, or itself."""
        return self.get(account.main) or account

    def bind(self, address: str, agent: str) -> None:
        """Bind an agent wallet to the account."""
        agents = self.by_address[address].agents
        if agent not in agents:
            agents.append(agent)
        self.revision += 1

    def revoke(self, address: str, agent: str | None = None) -> None:
        """Unbind one agent wallet, or all."""
        account = self.by_address[address]
        account.agents = [each for each in account.agents if agent is not None and each != agent]
        self.revision += 1

    def as_plain(self) -> list[dict[str, Any]]:
        """Return everything, as JSON can hold it."""
        return [asdict(account) for account in self.by_address.values()]

    @classmethod
    def from_plain(cls, plain: list[dict[str, Any]]) -> "Accounts":
        """Make the same again from what `as_plain` returned."""
        accounts = cls()
        for fields in plain:
            accounts.put(Account(**fields))
        return accounts
