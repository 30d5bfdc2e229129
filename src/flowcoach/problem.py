"""What to say when something outside flowcoach is in the way: one cause, one next step."""


class Problem(Exception):
    """Bad input or a missing thing that the user can mend; the command ends with exit code 2.

    `cause` is one sentence that says what is wrong and where; `next_step` is what to type or do.
    """

    def __init__(self, cause: str, next_step: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.next_step = next_step


def refused(error: OSError, next_step: str) -> Problem:
    """The problem that the operating system would not do something, in its own words."""
    what = f"{error.filename}: " if error.filename else ""
    return Problem(f"The system says no: {what}{error.strerror or error}.", next_step)
