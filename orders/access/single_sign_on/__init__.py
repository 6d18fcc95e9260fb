"""Sign in by the firm's own OpenID Connect provider.

It imports `audit`, `models` and, of its own layer, `sessions`. Open `provider` first: it is the
only door to Authlib. What a token says of a person is read in `claims`; who that is here, in
`identities`; the walk of one browser to the provider and back, in `walk`. Who may do what
afterwards is decided in `orders.accounts.group_roles`.
"""
