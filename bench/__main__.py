"""`make bench`: ask every question, or the ones named."""

import argparse
import importlib
import os
import platform
from pathlib import Path

from rich.console import Console

QUESTIONS = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def main() -> None:
    """Run the questions one after the other; each draws its own table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", nargs="*", metavar="question", help=f"of: {', '.join(QUESTIONS)}")
    chosen = parser.parse_args().questions or QUESTIONS
    unknown = sorted(set(chosen) - set(QUESTIONS))
    if unknown:
        parser.error(f"there is no question {', '.join(unknown)}; there are {', '.join(QUESTIONS)}")
    console = Console()
    console.print(f"Python {platform.python_version()} on {platform.system()}, {os.cpu_count()} cores")
    for name in chosen:
        question = importlib.import_module(f"bench.{name}")
        console.rule((question.__doc__ or name).splitlines()[0], align="left")
        question.run(console)


if __name__ == "__main__":
    main()
