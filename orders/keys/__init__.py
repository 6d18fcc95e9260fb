"""Agent keys: read what people paste, seal, open in senders, sign.

It imports `models` and `pacifica`. Open `sealing` first.
"""
