"""What several screens stand on: the base of a screen, filters, form fields, history, freshness.

It imports no other package of the admin. Open `screens` first.
"""
