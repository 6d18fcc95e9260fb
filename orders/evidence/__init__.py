"""Show that the log is whole: checkpoints, verification, exports, archives, an older copy put back.

It imports `lifecycle`, `access`, `audit` and what those import. Open `verify` first; `standalone`
is the verifier that every export carries, and imports nothing of ours.
"""
