"""Set up desks, people, accounts and agent wallets, and test the wallets at the exchange.

It imports `evidence`, `lifecycle`, `exchange`, `keys`, `access` and what those import. Open
`provisioning` first.
"""
