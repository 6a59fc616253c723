"""Find what the user pointed at with `--data`, or say plainly what is there instead."""

from difflib import get_close_matches
from pathlib import Path

from ganforge._io.paths import expanded
from ganforge.errors import DataError


def existing(path: Path | None, looked_for: str) -> Path:
    """`path`, if a file or a folder is there. Args and errors as of `existing_folder`."""
    if path is None:
        raise DataError(f"a file or a folder is needed (--data PATH) that holds {looked_for}")
    path = expanded(path)
    if path.is_file() or path.is_dir():
        return path
    raise _missing(path, "file or folder", looked_for, _entries_in(path.parent))


def existing_folder(path: Path | None, looked_for: str) -> Path:
    """`path`, if it is a folder.

    Args:
        path: what the user gave; None where nothing was given.
        looked_for: what the folder should hold, to end a sentence with.

    Raises:
        DataError: no path given, nothing there (with folders beside it that have a similar name), or a file.
    """
    if path is None:
        raise DataError(f"a folder is needed (--data PATH) that holds {looked_for}")
    path = expanded(path)
    if path.is_dir():
        return path
    if path.exists():
        raise DataError(f"{path}: a file, where a folder is needed that holds {looked_for}")
    folders = [entry for entry in _entries_in(path.parent) if entry.is_dir()]
    raise _missing(path, "folder", looked_for, folders)


def _missing(path: Path, what: str, looked_for: str, there: list[Path]) -> DataError:
    near = get_close_matches(path.name, [entry.name for entry in there], n=3, cutoff=0.55)
    hint = f"; did you mean {' or '.join(str(path.parent / name) for name in near)}?" if near else ""
    return DataError(f"{path}: there is no such {what} (looked for {looked_for}){hint}")


def _entries_in(parent: Path) -> list[Path]:
    try:
        return sorted(parent.iterdir())
    except (OSError, ValueError):  # ValueError: a zero byte
        return []
