"""Talk to the configured exchange: the client, the reader, request credits, the clock, marks.

It imports `keys`, `audit`, `models` and `pacifica`. Open `client` first, then `reader`.
"""
