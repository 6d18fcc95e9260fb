"""Set up desks, people, accounts and agent wallets, test the wallets at the exchange, rotate keys.

It imports `lifecycle`, `evidence`, `exchange`, `keys`, `access` and what those import. Open
`provisioning` first, then `account_keys`.
"""
