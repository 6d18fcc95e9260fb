"""The page of what waits for a second person.

It imports `shared` alone of the admin. Open `proposal_pages` first.
"""
