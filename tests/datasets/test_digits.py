"""The data set digits."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ganforge_digits import ganforge_datasets, open_digits
from sklearn.datasets import load_digits

from ganforge.data.contract import NoOptions
from ganforge.data.preparing import image_channels, prepare
from ganforge.errors import DataError


def test_the_1797_digits_with_their_labels() -> None:
    digits = open_digits(None, NoOptions())
    assert len(digits) == 1797 and digits.class_names == tuple("0123456789")
    assert digits.fingerprint == open_digits(None, NoOptions()).fingerprint
    values = load_digits().images
    for index in (0, 900, 1796):
        image = digits.read(index)
        assert image.shape == (8, 8, 1) and image.dtype == np.uint8
        np.testing.assert_array_equal(np.round(image[..., 0] / 255.0 * 16), values[index])
        assert digits.label(index) == load_digits().target[index]
    assert max(digits.read(index).max() for index in range(50)) == 255
    assert "1796" in digits.where(1796)


def test_they_are_read_without_importing_scikit_learn_and_with_it_should_it_keep_them_elsewhere() -> None:
    script = """
import sys
from pathlib import Path
from ganforge_digits import digits

here = digits.Digits.load().fingerprint
assert not {"sklearn", "scipy"} & set(sys.modules)
digits._TABLE = Path("moved")
assert digits.Digits.load().fingerprint == here and "sklearn" in sys.modules
"""
    subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{script}"], check=True)


def test_prepared(tmp_path: Path) -> None:
    digits = open_digits(None, NoOptions())
    assert image_channels(digits) == 1
    prepared = prepare(digits, name="digits", shape=(8, 8, 1), cache=tmp_path)
    assert prepared.images.shape == (1797, 8, 8, 1) and prepared.labels is not None
    assert np.bincount(prepared.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="leave --data out"):
        open_digits(tmp_path, NoOptions())


def test_the_entry() -> None:
    (entry,) = ganforge_datasets()
    assert entry.name == "digits" and not entry.needs_path and entry.options is NoOptions


@pytest.mark.parametrize("module", ["ganforge_digits", "ganforge_mnist", "ganforge_folder"])
def test_plugins_are_light(module: str) -> None:
    script = (
        f"import sys, {module}; print(*sorted({{'sklearn', 'PIL', 'scipy', 'torch', 'tensorflow'}} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {script}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == ""
