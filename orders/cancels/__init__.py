"""Ask for cancels: of selected orders, of one id, of many orders at once (`bulk`); and job control.

It imports `evidence`, `lifecycle`, `exchange`, `access` and what those import; never `delivery` or
`reconcile`, which take the rows it writes. Open `requests` first, then `intake`.
"""
