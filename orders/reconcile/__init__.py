"""Find out what became of orders: resolve unknown cancels, sync accounts, keep discrepancies.

It imports `evidence`, `lifecycle`, `exchange`, `access` and what those import; never `cancels` or
`delivery`. Open `resolve` first, then `read_evidence`, `findings` and `conclusions`; `sync` for an
account's open orders.
"""
