"""The audit log: append records, hash them, read, find and describe them.

It imports `models`. Open `log` first, then `hashing`.
"""
