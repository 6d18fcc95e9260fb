"""Guards: a bot's silence empties open orders; what is due at a time; what a halt leaves latched.

Beats come from the API and the terminal; the sweep looks and fires. What fires is a panic like any
other. Open `arming` first, then `lookout` and `firing`.
"""
