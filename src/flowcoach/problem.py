"""What to say when something outside flowcoach is in the way: one cause, one next step."""


class Problem(Exception):
    """Bad input or a missing thing that the user can mend; the command ends with exit code 2.

    `cause` is one sentence that says what is wrong and where; `next_step` is what to type or do.
    """

    def __init__(self, cause: str, next_step: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.next_step = next_step
