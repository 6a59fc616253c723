"""Tests of ganforge. A package, so that `python -m tests.fuzz` finds these and not those of another distribution."""
