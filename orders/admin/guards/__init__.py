"""Guards, schedules and latches: pages of the desk, and the strip on every page.

Open `guard_pages` first.
"""
