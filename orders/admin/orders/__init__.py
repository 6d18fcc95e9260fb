"""Orders and their cancels: the list, one order, Cancel selected, Cancel by id, Unresolved.

It imports `shared` alone of the admin. Open `order_pages` first.
"""
