"""`ganforge`: the group of all commands, and the one place that turns errors into messages and exit codes."""

import errno
import sys
import traceback
import warnings
from functools import cache
from typing import Any

import click

from ganforge import __version__
from ganforge._io.files import redirect_to_devnull
from ganforge.cli.bench import bench
from ganforge.cli.data import data
from ganforge.cli.evaluate import evaluate
from ganforge.cli.history import history
from ganforge.cli.interpolate import interpolate
from ganforge.cli.listings import architectures, backends, datasets, layers, losses, optimizers, plugins, recipes
from ganforge.cli.parity import parity
from ganforge.cli.resume import resume
from ganforge.cli.runs import runs
from ganforge.cli.sample import sample
from ganforge.cli.train import train
from ganforge.cli.traverse import traverse
from ganforge.errors import GanforgeError, PluginError, strict


class Cli(click.Group):
    """The group of all commands. A `GanforgeError` in any of them becomes a message on stderr and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except GanforgeError as error:
            raise click.ClickException(str(error)) from error
        except click.exceptions.Exit as stop:  # outside of its standalone mode click makes it a mere return value
            sys.exit(stop.exit_code)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command. A name in use is refused, so that no plugin silently replaces a command."""
        named = name or cmd.name
        if named in self.commands:
            raise PluginError(f"there is a command {named!r} already; take another name")
        super().add_command(cmd, name)


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="ganforge")
def cli() -> None:
    """Train GANs from one description in any framework, with numbers that agree."""


LOOKING = (runs, sample, traverse, interpolate, history, evaluate)
LISTING = (recipes, datasets, architectures, layers, losses, optimizers, backends, plugins)
for command in (train, resume, *LOOKING, parity, bench, *LISTING, data):
    cli.add_command(command)


def main() -> None:
    """The command's entry point."""
    try:
        _run()
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EIO, errno.EPIPE):
            raise
        if sys.stdout is not None:
            redirect_to_devnull(sys.stdout)
        if error.errno != errno.EPIPE:  # a closed pipe: whoever reads has seen enough
            click.echo(f"Error: the output cannot be written: {error.strerror}", err=True)
        sys.exit(1)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning as one line, without the place in the code, which does not concern the user."""
    _say_once(f"Warning: {message}")


@cache
def _say_once(line: str) -> None:
    """Print a line only once: a run and its checkpoint have the same recipe, and both are read."""
    click.echo(line, err=True)


def _run() -> None:
    from ganforge.plugins.host import default_host

    # Pillow, of damaged notes of a camera; the image is read all the same.
    warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
    warnings.showwarning = _show_warning
    try:
        default_host().extend("ganforge_commands", cli=cli)
        cli.main(prog_name="ganforge", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        _show_traceback(error)
        sys.exit(error.exit_code)
    except GanforgeError as error:
        click.echo(f"Error: {error}", err=True)
        _show_traceback(error)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)


def _show_traceback(error: BaseException) -> None:
    """With GANFORGE_STRICT=1, print the traceback of a plugin's exception, for its author."""
    while error.__cause__ is not None:
        error, wrapper = error.__cause__, error
        if isinstance(wrapper, PluginError) and not isinstance(error, GanforgeError) and strict():
            traceback.print_exception(error)


if __name__ == "__main__":
    main()
