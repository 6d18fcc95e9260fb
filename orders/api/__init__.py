"""The API for the desk's own programs: `/api/v1/`, by bearer tokens alone, never by cookies.

A program does by it what a person does on the pages, with the same functions below: the same
rights, purse, records and limits. Open `routes` first, then `callers`. Nobody but the site's
addresses imports it.
"""
