"""Cancel many orders at once: a scope or a list is frozen as a preview, estimated and confirmed.

It imports what `cancels` may. Open `previews` first.
"""
