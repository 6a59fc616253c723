"""`ganforge data fetch`: a data set from its official source."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from ganforge.cli.answer import Answer, answers


@click.command()
@click.argument("dataset")
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Folder for the files. [default: data/DATASET]")
@answers
def fetch(dataset: str, folder: Path | None, answer: Answer) -> None:
    """Download a DATASET from its official source.

    Run it again after an interruption: files that are complete are checked and kept, others are downloaded anew.
    """
    from ganforge._io.paths import expanded
    from ganforge.data.contract import DatasetEntry
    from ganforge.data.download import fetch as fetch_file
    from ganforge.errors import DataError
    from ganforge.plugins.host import default_host

    entry = default_host().find("ganforge_datasets", DatasetEntry, dataset, "data set")
    if not entry.downloads:
        raise DataError(f"data set {entry.name!r} has no download; its source: {entry.source}")
    folder = Path("data") / entry.name if folder is None else expanded(folder)
    files = []
    lines = [f"{entry.name}: {entry.source}; terms: {entry.license}"]
    for download in entry.downloads:
        wait = partial(_tell, f"{download.file}: another process downloads it; waiting", answer)
        with _receiving(download.file, shown=answer.words and sys.stderr.isatty()) as tell:
            came = fetch_file(download, folder, progress=tell, waiting=wait)
        state = "downloaded" if came else "was there already"
        lines.append(f"{folder / download.file}: {state}, {download.size:,} bytes, checksum right")
        files.append({"file": folder / download.file, "downloaded": came, "bytes": download.size})
    lines.append(f"Look at it: ganforge data info {entry.name} --data {folder}")
    answer.say("\n".join(lines), {"data set": entry.name, "folder": folder, "files": files})


def _tell(line: str, answer: Answer) -> None:
    if answer.words:
        click.echo(line, err=True)


@contextmanager
def _receiving(file: str, *, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A function that reports how many bytes have arrived, on a progress bar if `shown`."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task(file, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
