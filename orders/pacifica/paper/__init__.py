"""The paper exchange: a faithful local Pacifica for demo, tests and benchmarks. No Django here."""
