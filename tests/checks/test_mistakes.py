"""What `@mistake` makes of a function that builds a wrong state."""

from __future__ import annotations

import pytest

from flowcoach.checks import harmless, mistake
from flowcoach.workspace import Workspace


def test_a_mistake_names_its_check_and_the_misconception_that_answers_it() -> None:
    @mistake("2.3/trials", "only_the_seed_changed")
    def same_knobs(here: Workspace) -> None:
        """Fifteen trials, one setting"""

    assert (same_knobs.check_id, same_knobs.misconception_id, same_knobs.story) == (
        "2.3/trials",
        "2.3/trials/only-the-seed-changed",
        "Fifteen trials, one setting",
    )


def test_a_mistake_may_be_answered_by_the_checks_own_words() -> None:
    @mistake("2.3/trials")
    def nothing_logged(here: Workspace) -> None:
        """No trial was logged"""

    assert nothing_logged.misconception_id is None


def test_a_mistake_tells_what_the_learner_did() -> None:
    def silent(here: Workspace) -> None: ...

    with pytest.raises(ValueError, match="what did the learner do"):
        mistake("2.3/trials")(silent)


def test_a_harmless_state_tells_what_the_learner_did() -> None:
    @harmless
    def searched_on(here: Workspace) -> None:
        """Five trials more"""

    assert searched_on.story == "Five trials more"
    with pytest.raises(ValueError, match="what did the learner do"):
        harmless(lambda here: None)
