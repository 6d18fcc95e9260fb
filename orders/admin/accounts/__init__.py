"""Accounts with their agent wallets and API config keys; desks and people, for administrators.

It imports `shared` and `jobs` of the admin. Open `account_pages` first.
"""
