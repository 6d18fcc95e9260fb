"""The operator's screens; one file per noun."""
