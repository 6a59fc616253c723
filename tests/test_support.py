"""What is missing is said: a test whose framework is not installed fails, and is skipped where that was agreed."""

import frameworks
import pytest
from frameworks import need


def test_what_is_installed_is_imported() -> None:
    assert need("numpy").__name__ == "numpy"
    assert need("numpy.linalg").__name__ == "numpy.linalg"


def test_what_is_missing_fails_and_says_how_to_get_it() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"no_such_framework is not installed.*make test.*WITHOUT"):
        need("no_such_framework.part")


def test_what_may_be_missing_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frameworks, "WITHOUT", frozenset({"no_such_framework"}))
    with pytest.raises(pytest.skip.Exception, match="GANFORGE_TEST_WITHOUT names no_such_framework"):
        need("no_such_framework")
