"""Pages for people, as tests read them: their blocks of code, their command lines, and these run small."""

import re
import shlex
from collections.abc import Iterator

import click
from click.testing import CliRunner, Result

from ganforge.cli.main import cli


def blocks(page: str, language: str) -> list[str]:
    """The blocks of code of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)


def lines(page: str, program: str) -> list[list[str]]:
    """The arguments of the page's command lines that call `program`, without their comments."""
    text = "".join(blocks(page, "sh")).replace("\\\n", " ")
    every = [shlex.split(line, comments=True) for line in text.splitlines()]
    return [words[1:] for words in every if words and words[0] == program]


def options(page: str) -> set[str]:
    """Every option that a page names."""
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", page))


def commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command, those of groups with the group's name before theirs."""
    for name, command in group.commands.items():
        yield f"{prefix}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")


def known_options() -> set[str]:
    """Every option that there is."""
    return {option for _, command in commands(cli) for each in command.params for option in each.opts} | {"--help"}


def run(arguments: list[str]) -> Result:
    """`ganforge` with these arguments, which must succeed."""
    answer = CliRunner().invoke(cli, arguments)
    assert answer.exit_code == 0, f"ganforge {shlex.join(arguments)}\n{answer.output}\n{answer.exception}"
    return answer
