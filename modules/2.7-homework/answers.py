"""The answers of the reference solution, read off its own runs, as a learner reads them in MLflow's UI."""

import json

from flowcoach.evidence.discover import gather
from flowcoach.workspace import Workspace

FILE = "homework/answers.toml"


def fill(here: Workspace) -> None:
    """Write the answers that the workspace's own evidence gives into its `homework/answers.toml`."""
    import tomlkit

    path = here.folder / FILE
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    table = document["2.7"]
    for question, answer in read(here).items():
        table[question] = answer  # pyright: ignore[reportIndexIssue]
    path.write_text(tomlkit.dumps(document), encoding="utf-8")


def read(here: Workspace) -> dict[str, str | int | float]:
    """The answers by question; those that the evidence does not give yet are left out."""
    answers: dict[str, str | int | float] = {}
    summary = json.loads((here.folder / "homework" / "output" / "summary.json").read_text(encoding="utf-8"))
    answers["mlflow_version"] = summary["mlflow"]
    answers["training_trips"] = summary["trips"]["train"]
    evidence = gather(here.folder, here.own_store)
    try:
        names = {experiment.name for experiment in evidence.experiments}
        forests = evidence.experiment("homework-forest").runs if "homework-forest" in names else ()
        if forests:
            forest = forests.newest()
            asked = here.pick("2.7/recorded", ("min_samples_leaf", "min_samples_split", "max_features", "bootstrap"))
            answers["recorded"] = forest.params.get(f"regressor__{asked}", "")
            if forest.has_metric("rmse"):
                answers["forest_rmse"] = round(forest.metric("rmse"), 3)
        if "homework-search" in names and (trials := evidence.experiment("homework-search").runs.with_metric("rmse")):
            answers["best_rmse"] = round(trials.lowest("rmse").metric("rmse"), 3)
        for model in evidence.models:
            if model.name == "green-taxi-duration":
                run = evidence.run_of(model.latest)
                answers["registered_depth"] = int(run.param("max_depth"))
                answers |= {
                    key: round(run.metric(key), 3) for key in ("test_rmse", "final_rmse") if run.has_metric(key)
                }
    finally:
        evidence.close()
    return answers
