"""What keeps the site running: is it well, who is told, what is copied and put back, what a
monitor sees, what auditors asked for.

Imports `accounts`, `evidence`, `exchange` and what is below them. Open first: `doctor` for a look
at everything, `alerts` for what is told to people, `backups` for copies, `monitoring` for
monitors, `errands` for exports and verifications.
"""
