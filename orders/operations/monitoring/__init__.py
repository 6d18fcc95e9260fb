"""What a monitor outside sees: whether this web process can serve, and figures of the whole site.

Open `health` first, then `exposition`.
"""
