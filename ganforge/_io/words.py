"""Numbers in messages for people."""


def counted(count: int, noun: str) -> str:
    """A count with its noun, as in `1 step` and `1,000 steps`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
