"""The life of a cancel: what an answer proves, every change of its status, what reopens it, and
what holds it back after an older copy of the database was put back.

Here `cancels`, `delivery`, `reconcile` and `panic` meet. It imports `exchange`, `evidence`,
`access` and what those import. Open `transitions` first, then `interpret`.
"""
