"""The first program of an isolated process: it gives up what the command must not have, then becomes the command.

Run by path with this Python (`python -I -S preamble.py LIMITS COMMAND…`), so it imports nothing of flowcoach. LIMITS is
JSON: the "folder" to stand in, a "uid" to become (a user that nobody is), and `resource` limits by their names.
"""

import json
import os
import sys


def main() -> None:
    """Give up rights, set limits, become the command. Exit code 126 says that this failed."""
    limits = json.loads(sys.argv[1])
    folder = limits.pop("folder")
    try:
        if uid := limits.pop("uid", None):
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
        os.chdir(folder)
        if limits:
            import resource

            for name, value in limits.items():
                kind = getattr(resource, name)
                _, most = resource.getrlimit(kind)
                least = value if most == resource.RLIM_INFINITY else min(value, most)
                resource.setrlimit(kind, (least, least))
        os.execv(sys.argv[2], sys.argv[2:])
    except (OSError, ValueError) as error:
        print(f"could not be started with limits: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(126)


main()
