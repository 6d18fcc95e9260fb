"""Who may come in and what they may do: permissions, denials, signing in, second factor, sessions.

It imports `audit` and `models`. Open `permissions` first, then `sign_in`.
"""
