"""Proof by faults: what operators asked, what the log says and what the exchange did must agree."""
