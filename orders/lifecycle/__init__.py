"""The life of a cancel: what an answer proves, every change of its status, what reopens it.

Here `cancels`, `delivery`, `reconcile` and `panic` meet. It imports `exchange`, `audit` and what
those import. Open `transitions` first, then `interpret`.
"""
