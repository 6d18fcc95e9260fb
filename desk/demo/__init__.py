"""The demo: a believable firm on the paper exchange, from nothing, with one command."""
