"""Results made by hand that show every state, and what a hostile learner could put into them."""

from __future__ import annotations

from flowcoach.result import CheckResult, Obstacle, Result, SectionResult, State

RED = "\x1b[31m"
HOSTILE = f"calm-owl{RED}[bold]passed[/]</div><script>alert(1)</script>&\x00\x08\u202e\u2028\udc80\ufffe`x`\n✓ passed"

RESULT = Result(
    flowcoach="0.1.0",
    stores=("sqlite:///home/learner/course/mlflow.db", "sqlite:///home/learner/course/old/mlflow.db"),
    warnings=(f"sqlite:///home/learner/course/{RED}torn.db could not be read: it is not a database.",),
    sections=(
        SectionResult(
            "2.2",
            "Getting started",
            (
                CheckResult(
                    "2.2/store",
                    "Your runs lie in your workspace's store",
                    State.PASSED,
                    1,
                    1,
                    hints=("Which address does MLflow use when none is set?",),
                    why="Work that lies in two stores is compared by nobody.\nAn address written down is found again.",
                ),
            ),
        ),
        SectionResult(
            "2.3",
            "Experiment tracking",
            (
                CheckResult(
                    "2.3/trials",
                    "The search “forest-search” holds 15 finished trials, each with its knobs and its validation RMSE",
                    State.FAILED,
                    0,
                    2,
                    message="Finished trials with the four knobs and `rmse`: expected at least 15, found 3.",
                    expected="at least 15",
                    found="3",
                    where="experiment “forest-search”",
                    advice="each trial logs max_depth, n_estimators, min_samples_leaf, and the metric rmse",
                    hints=(
                        "Every trial is a run of its own: where does mlflow.start_run() have to stand?",
                        "Inside the objective: open a run, log the four knobs,\ntrain, log `rmse`, return it.",
                        "study.optimize(objective, n_trials=15)",
                    ),
                    why="A search that keeps every trial answers later questions too.\nOthers run theirs again.",
                ),
                CheckResult(
                    "2.3/best",
                    "The best trial carries the tag `chosen`",
                    State.SKIPPED,
                    0,
                    1.5,
                    message="First: “The search “forest-search” holds 15 finished trials”.",
                    where="2.3/trials",
                    hints=("Order the trials by `rmse`.",),
                ),
                CheckResult(
                    "2.3/autolog",
                    "Autolog wrote down a fit",
                    State.FAILED,
                    0,
                    1,
                    message=f"Your run {HOSTILE} was trained before autolog was switched on.",
                    expected="a run of autolog",
                    found=HOSTILE,
                    misconception="2.3/autolog/switched-on-too-late",
                    hints=("Order matters.",),
                ),
                CheckResult(
                    "2.3/data",
                    "The final run names its data",
                    State.ERROR,
                    0,
                    1,
                    message="This check broke. That is our fault, not yours: your work is not judged by it.",
                    found="ZeroDivisionError: division by zero",
                    where="named_data, line 12",
                    advice="please report it with the line above",
                ),
                CheckResult("2.3/notes", "A note says what the search taught", State.PASSED, 0.5, 0.5, bonus=True),
                CheckResult(
                    "2.3/second-search",
                    "A second search narrows the first",
                    State.FAILED,
                    0,
                    1,
                    bonus=True,
                    message="There is no experiment called “forest-narrow”.",
                    expected="an experiment called “forest-narrow”",
                    found="experiments “forest-search”",
                    advice="check the spelling",
                ),
            ),
        ),
    ),
)

PROBLEM = Result(
    flowcoach="0.1.0",
    problem=Obstacle(
        f"/home/learner/{RED}course/mlflow.db is not a database.", "name the right file as `store` in flowcoach.toml"
    ),
)

ONE_PASSED = Result(
    flowcoach="0.1.0",
    stores=("sqlite:///home/learner/course/mlflow.db",),
    sections=(SectionResult("2.2", "Getting started", RESULT.sections[0].checks),),
)
