"""Have each hour's checkpoint stamped by authorities outside the firm.

It imports `evidence` and what that imports. Open `stamping` first.
"""
