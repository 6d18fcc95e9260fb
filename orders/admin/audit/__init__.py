"""The audit log: its records, verifications, exports, and restored copies of the database.

It imports `shared` alone of the admin. Open `record_pages` first.
"""
