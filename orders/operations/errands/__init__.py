"""What auditors ask for and the sweep does in the background: exports and verifications.

Imports `evidence`, `access` and what is below them. Open `exports` first, then `background`.
"""
