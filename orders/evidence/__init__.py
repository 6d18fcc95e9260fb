"""Show that the log is whole: checkpoints, verification, archives, what an export holds.

It imports `audit` and what that imports. Open `verify` first; `standalone`
is the verifier that every export carries, and imports nothing of ours.
"""
