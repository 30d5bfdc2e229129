"""Draw the pictures on the pages anew, from real runs: `python -m tools.plots`"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from flowcoach import course
from flowcoach.coach import scripts
from flowcoach.coach.start import start

LEARNER = "pictures"  # whose trips they show


def main() -> int:
    """Work every section that has pictures in a new workspace, and draw them into its folder `images`."""
    for section in course.sections():
        if not (section.folder / "plots.py").is_file():
            continue
        with tempfile.TemporaryDirectory() as scratch:
            made = start(Path(scratch) / "course", learner=LEARNER)
            scripts.run(section.folder / "run.py", made, quiet=True)
            scripts.run(section.folder / "plots.py", made, [str(section.folder / "images")], quiet=True)
            sys.stdout.write(f"drawn: {section.folder / 'images'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
