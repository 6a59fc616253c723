"""Numbers in messages."""

from ganforge._io.words import counted


def test_one_is_no_plural() -> None:
    assert [counted(count, "step") for count in (0, 1, 2, 1000)] == ["0 steps", "1 step", "2 steps", "1,000 steps"]
