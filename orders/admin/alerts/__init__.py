"""The page of who is told what outside the pages, and a test of it.

It imports `shared` alone of the admin. Open `alert_pages` first.
"""
