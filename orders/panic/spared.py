"""What a panic, a guard or a schedule leaves open, in words."""


def clause(*, reduce_only: bool, stops: bool) -> str:
    """*, sparing reduce-only and stops*; nothing where nothing is spared."""
    kept = [("reduce-only", reduce_only), ("stops", stops)]
    words = " and ".join(word for word, is_kept in kept if is_kept)
    return f", sparing {words}" if words else ""
