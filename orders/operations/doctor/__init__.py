"""Is this site well: settings, keys, database, broker, exchange, log, senders, stream, alerts.

Open first: `examination`, the list of all checks. Each check stands by itself: what is broken keeps
no other from being looked at. Imports `alerts`, `accounts` and what is below them.
"""
