"""The result as JSON, in the form that `schema/result-v1.json` describes."""

from __future__ import annotations

import json

from flowcoach.result import Result, to_dict


def dumps(result: Result) -> str:
    """The result as JSON text, ending in a newline: keys in the schema's order, ASCII only for any pipe.

    Raises ValueError for a number that JSON cannot write (NaN).
    """
    return json.dumps(to_dict(result), indent=2, allow_nan=False) + "\n"
