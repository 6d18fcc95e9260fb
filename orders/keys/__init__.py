"""Agent keys: read what people paste, seal, open in senders, sign, seal anew under another key.

It imports `audit` and `models`. Open `sealing` first.
"""
