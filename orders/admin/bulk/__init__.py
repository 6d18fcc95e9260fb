"""Bulk cancels: the form of a scope, the form of a list, and the preview that is confirmed.

It imports `shared` alone of the admin. Open `preview_pages` first.
"""
