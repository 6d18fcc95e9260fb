"""Panic: the page with the red button, and how far each account of a panic is.

It imports `shared` alone of the admin. Open `panic_pages` first.
"""
