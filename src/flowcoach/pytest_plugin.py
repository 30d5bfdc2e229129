"""`pytest --flowcoach 2.3` in a workspace: a section's checks as test items, and nothing else is collected.

Without the option the plugin does nothing. A bonus that is not earned is skipped, for it costs nothing. As ever, pytest
runs the `conftest.py` of the folder it is started in, so a verdict on somebody else's work is for `flowcoach check`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flowcoach.result import CheckResult


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what to check, and where."""
    group = parser.getgroup("flowcoach")
    group.addoption(
        "--flowcoach",
        action="append",
        metavar="SECTION",
        help="run the checks of this section (2.3), or one check (2.3/trials), on a workspace; may be repeated",
    )
    group.addoption(
        "--flowcoach-workspace",
        type=Path,
        metavar="DIR",
        help="the workspace; else FLOWCOACH_WORKSPACE, else the nearest folder with a flowcoach.toml",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> object:
    """Collect the checks in place of files. A problem with the workspace or a name is a usage error."""
    names = session.config.getoption("--flowcoach")
    if not names:
        return None
    from flowcoach import course, workspace
    from flowcoach.problem import Problem
    from flowcoach.report.text import clean

    try:
        here = workspace.find(explicit=session.config.getoption("--flowcoach-workspace"))
        result = course.look(names, here.folder, here.store)
    except Problem as problem:
        raise pytest.UsageError(f"{clean(problem.cause)}\nNext: {clean(problem.next_step)}") from None
    sections = [
        SectionNode.from_parent(session, name=section.id, nodeid=section.id, path=here.folder, checks=section.checks)
        for section in result.sections
    ]
    session.items = [item for section in sections for item in session.genitems(section)]
    hook = session.config.hook
    hook.pytest_collection_modifyitems(session=session, config=session.config, items=session.items)
    hook.pytest_collection_finish(session=session)
    session.testscollected = len(session.items)
    return True


class SectionNode(pytest.Collector):
    """A section with the results of its checks."""

    def __init__(self, *, checks: Iterable[CheckResult], **options: Any) -> None:
        super().__init__(**options)
        self.checks = checks

    def collect(self) -> Iterable[pytest.Item]:
        """An item for each check."""
        return [CheckItem.from_parent(self, name=check.id, result=check) for check in self.checks]


class CheckItem(pytest.Item):
    """One check. Its verdict is known already, for checks build on each other; running it reports that verdict."""

    def __init__(self, *, result: CheckResult, **options: Any) -> None:
        super().__init__(**options)
        from flowcoach.report.text import clean
        from flowcoach.result import State

        self.result = result
        self.user_properties += [("title", result.title), ("points", result.points), ("max_points", result.max_points)]
        message = clean(result.message or "")
        if result.state is State.SKIPPED:
            self.add_marker(pytest.mark.skip(reason=message))
        elif result.state is State.FAILED and result.bonus:
            self.add_marker(pytest.mark.skip(reason=f"Bonus, not earned: {message}"))

    def setup(self) -> None:
        """Report a check that broke: to pytest, an error, not a failure."""
        self._fail_if("error")

    def runtest(self) -> None:
        """Report a check that does not hold."""
        self._fail_if("failed")

    def _fail_if(self, state: str) -> None:
        from flowcoach.report.text import explain

        if self.result.state == state:
            pytest.fail(explain(self.result), pytrace=False)  # the check's own words, no traceback of ours

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it happened, in the workspace, and what was asked."""
        return self.path, 0, f"{self.name}: {self.result.title}"
