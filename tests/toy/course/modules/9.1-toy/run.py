"""Leave a file, say a word."""

import os
from pathlib import Path

Path(os.environ["FLOWCOACH_WORKSPACE"], "made-by-run.txt").touch()
print("the script speaks")
