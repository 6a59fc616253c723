"""A process that has imported a framework, and forks one that runs the command line for each line that it reads.

python -m crash.zygote BACKEND: reads lines of JSON (`Order`); answers each, when the process has ended, with its
exit code (less than 0: the signal). The framework has only been imported: no thread runs yet, and no
session was ever open, when a child is made.
"""

import importlib
import os
import resource
import signal
import sys
from pathlib import Path

import msgspec
from crash import stops
from crash.phases import Aim, Phases

IMPORTED = {
    "torch": ("torch", "ganforge_torch.runtime"),
    "tensorflow": ("tensorflow", "ganforge_tensorflow.runtime"),
    "jax": ("jax", "ganforge_jax.runtime"),
}
OF_A_RUN = (
    *(
        "ganforge.cli.main",
        "ganforge.training.starting",
        "ganforge.training.resuming",
        "ganforge.generation.sampling",
        "ganforge.generation.grids",
        "ganforge.training.observers.event_file",
    ),
    *("ganforge.data.folders", "ganforge.data.image_files", "ganforge.testing.plugin"),
    *("PIL.Image", "PIL.ImageDraw", "PIL.ImageFont", "PIL.PngImagePlugin", "rich.console", "rich.progress"),
)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One process."""

    arguments: tuple[str, ...]
    """Of `ganforge`."""
    log: str
    """Where its output goes."""
    environment: dict[str, str] = {}
    phases: str
    aim: Aim | None = None
    largest: int | None = None
    """Bytes of the largest file that it may write; it is killed at the next one."""
    stop_at: int | None = None
    """Killed at this moment of its operations on files, as `stops` counts them; -1: at none, they are only counted."""


def main() -> None:
    """Fork until there is nothing more to read; a child leaves the loop and is the command."""
    for name in (*IMPORTED[sys.argv[1]], *OF_A_RUN):
        importlib.import_module(name)
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "threads run after the import; a fork would lose them"
    for line in sys.stdin:
        order = msgspec.json.decode(line, type=Order)
        child = os.fork()
        if not child:
            break
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    else:
        return
    be(order)


def be(order: Order) -> None:
    """Run the command in this process, as `python -m ganforge` does."""
    output = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, output), (2, output)):
        os.dup2(source, descriptor)
    os.environ.update(order.environment)
    sys.argv = ["ganforge", *order.arguments]
    phases = Phases(Path(order.phases), order.aim)
    phases.install()
    if order.largest is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python would get an error instead
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (order.largest, order.largest))
    moments = stops.install(order.stop_at) if order.stop_at is not None else lambda: 0
    from ganforge.cli.main import main as command

    try:
        command()
    finally:
        phases.end(moments())


if __name__ == "__main__":
    main()
