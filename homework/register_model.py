"""Last script of the homework: the five best trials meet the test month, and the best of them enters the registry."""

from pathlib import Path

import click
import mlflow
import pandas as pd
import sklearn
from mlflow import MlflowClient
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import root_mean_squared_error

from flowcoach import taxi, workspace

HERE = workspace.find()
OUTPUT = HERE.folder / "homework" / "output"
SEED = HERE.pick("2.7/random_state", range(1, 100))
ALIAS = HERE.pick("2.7/alias", ("champion", "live", "on-duty", "serving"))
MODEL = "green-taxi-duration"
KNOBS = ("max_depth", "n_estimators", "min_samples_split", "min_samples_leaf")


def off(model: object, trips: pd.DataFrame) -> float:
    """The RMSE of a model on a month, in minutes."""
    return float(root_mean_squared_error(trips[taxi.TARGET], model.predict(trips[taxi.PAIR])))


def finalist(knobs: dict[str, int], months: dict[str, pd.DataFrame]) -> None:
    """Train a forest with a trial's knobs again, and log it with its figures on the validation and the test month."""
    with mlflow.start_run():
        model = taxi.pipeline(RandomForestRegressor(**knobs, random_state=SEED, n_jobs=-1), taxi.PAIR)
        model.fit(months["train"][taxi.PAIR], months["train"][taxi.TARGET])
        mlflow.log_params(knobs)
        # Gap 5: log `valid_rmse` and `test_rmse`; off(model, months["test"]) measures one.
        raise SystemExit("register_model.py stops at gap 5: put your own lines in the place of this one.")
        mlflow.sklearn.log_model(
            model,
            name="model",
            skops_trusted_types=["sklearn.tree._tree.Tree"],
            pip_requirements=[f"scikit-learn=={sklearn.__version__}"],
        )


@click.command()
@click.option("--data", default=OUTPUT, type=click.Path(path_type=Path), help="Where preprocess_data.py wrote to.")
@click.option("--final", "at_the_end", is_flag=True, help="Measure the registered model on the fourth month: once.")
def main(data: Path, at_the_end: bool) -> None:
    """Score the five best trials on the test month and register the best of them; at the very end, --final."""
    if not (data / "train.parquet").is_file():
        raise click.ClickException(f"{data} has no train.parquet. First: python homework/preprocess_data.py")
    mlflow.set_tracking_uri(HERE.store)
    client = MlflowClient()
    if at_the_end:
        if not (data / "final.parquet").is_file():
            raise click.ClickException(
                "There is no fourth month: flowcoach.toml names three, so this step is left out."
            )
        final = pd.read_parquet(data / "final.parquet")
        try:
            version = client.get_model_version_by_alias(MODEL, ALIAS)
        except mlflow.exceptions.MlflowException as error:
            raise click.ClickException(f"No version of {MODEL} has the alias {ALIAS} yet. First: gap 7.") from error
        model = mlflow.sklearn.load_model(f"models:/{MODEL}@{ALIAS}")
        # Gap 8: log the RMSE on the fourth month as `final_rmse`, to the run behind the version.
        raise SystemExit("register_model.py stops at gap 8: put your own lines in the place of this one.")
        return

    months = {name: pd.read_parquet(data / f"{name}.parquet") for name in ("train", "valid", "test")}
    trials = mlflow.search_runs(
        experiment_names=["homework-search"],
        filter_string="attributes.status = 'FINISHED'",
        order_by=["metrics.rmse ASC"],
        max_results=5,
    )
    if trials.empty or "params.max_depth" not in trials:
        raise click.ClickException(
            "“homework-search” has no trials with their knobs yet. First: hpo.py, with gap 4 filled."
        )
    if mlflow.get_experiment_by_name("homework-finalists") is None:
        mlflow.create_experiment("homework-finalists", f"{HERE.artifacts}/homework-finalists")
    mlflow.set_experiment("homework-finalists")
    for _, trial in trials.iterrows():
        finalist({knob: int(trial[f"params.{knob}"]) for knob in KNOBS}, months)

    # Gap 6: find the finalist with the lowest test RMSE and register its “model” under MODEL.
    raise SystemExit("register_model.py stops at gap 6: put your own lines in the place of this one.")

    # Gap 7: give the version that you registered your ALIAS, and a description of a sentence or two.
    raise SystemExit("register_model.py stops at gap 7: put your own lines in the place of this one.")


if __name__ == "__main__":
    main()
