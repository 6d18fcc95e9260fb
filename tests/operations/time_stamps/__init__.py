"""Time stamps of checkpoints."""
