"""The long form: `python -m tests.crash --backend torch --kills 500`; see the package's docstring."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as pytest has it, so that there is one name for a module

from crash.campaign import Inexact, campaign


def main() -> None:
    """Kill until there were enough, say what was hit, and exit with 1 at the first run that lost something."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--backend", required=True)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of what is killed and when, printed below")
    options = parser.parse_args()
    print(f"{options.backend}: {options.kills} kills, --seed {options.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    try:
        with campaign(options.backend, folder, options.seed) as made:
            while made.tally.killed < options.kills:
                made.run(lambda: made.tally.killed >= options.kills)
                print(f"{options.backend}: {made.tally}", flush=True)
    except Inexact as error:
        print(f"Error: {error}\nEverything is left in {folder}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
