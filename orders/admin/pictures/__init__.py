"""Pictures of what the database holds: each a chart of the theme with a table behind it.

`chart` says what a picture is; each other module draws some, in a constant number of queries.
"""
