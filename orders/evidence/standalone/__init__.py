"""What leaves the app with its evidence and must run without it."""
