"""What a monitor outside sees: whether this web process can serve.

Open `health` first.
"""
