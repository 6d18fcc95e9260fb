"""Tell people outside the pages what cannot wait: what is watched, and the webhook it goes to.

It imports `accounts`, `evidence`, `exchange` and what those import. Open `watch` first.
"""
