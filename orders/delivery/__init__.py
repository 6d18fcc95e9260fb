"""Send cancels: claim, sign, record, send in batches, record the answer, conclude.

It imports `evidence`, `lifecycle`, `exchange`, `keys`, `access` and what those import; never
`cancels` or `reconcile`. Open `worker` first.
"""
