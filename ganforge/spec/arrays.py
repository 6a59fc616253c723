"""Types of the arrays that cross between the core and everything around it; all of them NumPy's."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.floating]
State: TypeAlias = dict[str, Array]
"""Arrays by name; what crosses between the core and a framework."""
Images: TypeAlias = npt.NDArray[np.uint8]
"""Images as a data set has them: (N, height, width, 1 or 3)."""
Labels: TypeAlias = npt.NDArray[np.int64]
"""(N,), from 0."""
