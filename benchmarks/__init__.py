"""How fast a book empties, against the other ways to do it."""
