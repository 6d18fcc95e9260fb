"""The app: what operators see, what is recorded, what is sent."""
