"""The operator's screens: a package for each, and the site that holds them.

Nothing below imports them. A module that ends in ``_pages`` registers a screen; `registry` imports
all of these. Open `site` first.
"""
