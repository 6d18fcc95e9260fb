"""Talk to the configured exchange: the client, the reader, request credits, the exchange's clock.

It imports `keys`, `audit`, `models` and `pacifica`. Open `client` first, then `reader`.
"""
