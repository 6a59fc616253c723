"""How a command answers: in words, as JSON for programs, or not at all."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the options --quiet and --json ask for."""

    quiet: bool
    as_json: bool

    @property
    def words(self) -> bool:
        """Whether progress and results are told in words."""
        return not (self.quiet or self.as_json)

    def say(self, words: str, facts: Mapping[str, Any]) -> None:
        """Tell a result: `words` for people, `facts` for programs, nothing if quiet."""
        if self.as_json:
            click.echo(json.dumps(facts, indent=2, default=_plain))
        elif not self.quiet:
            click.echo(words)


def answers(command: F) -> F:
    """The options --quiet and --json, which the command gets as `answer`."""

    @wraps(command)
    def answering(*arguments: Any, quiet: bool, as_json: bool, **options: Any) -> Any:
        return command(*arguments, answer=Answer(quiet=quiet, as_json=as_json), **options)

    with_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, and nothing else.")
    with_quiet = click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
    decorated: Any = with_quiet(with_json(answering))
    return decorated  # type: ignore[no-any-return]


def _plain(value: object) -> object:
    """What JSON has no form of: paths as text, numbers of NumPy as numbers."""
    return str(value) if isinstance(value, Path) else float(value)  # type: ignore[arg-type]
