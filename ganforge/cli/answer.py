"""How a command answers: in words, as JSON for programs, or not at all."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from math import isfinite
from numbers import Integral
from pathlib import Path
from shlex import quote
from typing import Any, TypeVar

import click

from ganforge._io.files import write_whole

F = TypeVar("F", bound=Callable[..., Any])

Facts = Mapping[str, Any] | Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the options --quiet and --json ask for."""

    quiet: bool
    as_json: bool
    """Whether standard output gets JSON and nothing else."""
    file: Path | None = None
    """A file that also gets the JSON."""

    @property
    def words(self) -> bool:
        """Whether to print progress and results in words."""
        return not (self.quiet or self.as_json)

    def say(self, words: str, facts: Facts) -> None:
        """Print a result: `words` for people (if not empty), `facts` for programs, nothing if quiet."""
        if self.as_json:
            click.echo(_text(facts))
        elif words and not self.quiet:
            click.echo(words)
        if self.file is not None:
            write_whole(self.file, f"{_text(facts)}\n".encode())
            if self.words:
                click.echo(f"{self.file} written")


def answers(command: F) -> F:
    """Add the options --quiet and --json; the command receives them as `answer`."""

    @wraps(command)
    def answering(*arguments: Any, quiet: bool, as_json: bool, **options: Any) -> Any:
        return command(*arguments, answer=Answer(quiet=quiet, as_json=as_json), **options)

    decorated: Any = _quiet(click.option("--json", "as_json", is_flag=True, help=f"{_JSON}.")(answering))
    return decorated  # type: ignore[no-any-return]


class AnsweringInFiles(click.Command):
    """A command with an argument and `answers_in_files`, whose `--json` may take the argument for its file."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; if the argument is missing, say where it went."""
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            file = ctx.params.get("json_file")
            if file in (None, _STDOUT):
                raise
            missing = error.format_message()
            instead = f"{ctx.command_path} {quote(str(file))} --json"
            raise click.UsageError(
                f"{missing} --json took {str(file)!r} as the file to write. Write `{instead}`", ctx
            ) from error


def answers_in_files(command: F) -> F:
    """Add the options --quiet and --json [FILE]; the command receives them as `answer`."""

    @wraps(command)
    def answering(*arguments: Any, quiet: bool, json_file: Path | None, **options: Any) -> Any:
        alone = json_file == _STDOUT
        answer = Answer(quiet=quiet, as_json=alone, file=None if alone else json_file)
        return command(*arguments, answer=answer, **options)

    option = click.option(
        "--json",
        "json_file",
        type=click.Path(path_type=Path),
        metavar="[FILE]",
        is_flag=False,
        flag_value=_STDOUT,
        help=f"{_JSON}; with a FILE, write it there.",
    )
    decorated: Any = _quiet(option(answering))
    return decorated  # type: ignore[no-any-return]


_JSON = "Print the result as JSON, and nothing else"
_STDOUT = Path("-")
_quiet = click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")


def _text(facts: Facts) -> str:
    return json.dumps(_plain(facts), indent=2)


def _plain(value: object) -> object:
    """A value in JSON's types: paths become strings, NumPy's numbers numbers, NaN and infinities null."""
    match value:
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case None | bool() | str():
            return value
        case Integral():
            return int(value)
        case Path():
            return str(value)
    number = float(value)  # type: ignore[arg-type]
    return number if isfinite(number) else None
