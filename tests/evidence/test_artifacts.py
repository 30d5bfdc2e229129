"""Files that came along are found by the tail of where they were logged to; nothing leads out of the workspace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flowcoach.evidence import Evidence, LoggedModel, ModelVersion, NotFound, RegisteredModel, Run, Unavailable
from flowcoach.evidence.artifacts import Artifacts, Shelves, local_path
from flowcoach.evidence.discover import look
from flowcoach.evidence.query import RunQuery

RUN = "7/0123456789abcdef0123456789abcdef/artifacts"
MODEL_ID = "m-" + "0123456789abcdef" * 2


def put(path: Path, text: str = "flavors: {}\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def shelves(home: Path, *stores: Path) -> Shelves:
    return Shelves(home, stores, tuple(look(home).roots))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace to which the artifacts of one run came along, below `mlruns`."""
    folder = tmp_path / "course"
    put(folder / "mlruns" / RUN / "model" / "MLmodel")
    put(folder / "mlruns" / RUN / "plot.txt")
    put(tmp_path / "secret.txt", "secret")
    return folder


@pytest.mark.parametrize(
    "location",
    [
        f"/home/ada/homework/mlruns/{RUN}",
        f"file:///home/ada/homework/mlruns/{RUN}",
        f"file:///home/ada/my%20homework/mlruns/{RUN}",
        f"file://localhost/home/ada/mlruns/{RUN}",
        f"./mlruns/{RUN}",
        f"mlruns/{RUN}",
        f"file:///C:/Users/ada/mlruns/{RUN}",
        f"C:\\Users\\ada\\mlruns\\{RUN}".replace("/", "\\"),
        f"D:/ada/mlruns/{RUN}",
        f"s3://bucket/mlruns/{RUN}",
        f"/home/mlruns/ada/mlruns/{RUN}",
        f"mlflow-artifacts:/{RUN}",
        f"mlflow-artifacts://localhost:5000/{RUN}",
    ],
)
def test_a_location_of_any_machine_is_found_by_its_tail(home: Path, location: str) -> None:
    found = shelves(home).find(location)
    assert found.files() == ("model/MLmodel", "plot.txt")
    assert found.location == location


@pytest.mark.parametrize("place", ["mlartifacts", "homework/mlartifacts", "homework/deeper/mlruns"])
def test_artifacts_are_found_wherever_they_lie_in_the_workspace(tmp_path: Path, place: str) -> None:
    put(tmp_path / place / RUN / "model" / "MLmodel")
    location = f"/elsewhere/{Path(place).name}/{RUN}"
    assert shelves(tmp_path).find(location).files() == ("model/MLmodel",)


def test_artifacts_of_a_server_are_found_below_mlartifacts(tmp_path: Path) -> None:
    put(tmp_path / "mlartifacts" / RUN / "plot.txt")
    assert shelves(tmp_path).find(f"mlflow-artifacts:/{RUN}").files() == ("plot.txt",)


def test_a_relative_location_counts_from_the_store_too(tmp_path: Path) -> None:
    put(tmp_path / "homework" / "my-artifacts" / RUN / "plot.txt")
    found = shelves(tmp_path, tmp_path / "homework").find(f"./my-artifacts/{RUN}")
    assert found.files() == ("plot.txt",)


def test_a_location_in_this_very_workspace_needs_no_tail(tmp_path: Path) -> None:
    put(tmp_path / "kept here" / "plot.txt")
    assert shelves(tmp_path).find((tmp_path / "kept here").as_uri()).files() == ("plot.txt",)


@pytest.mark.parametrize(
    "location", ["", "s3://bucket/7/x/artifacts", f"/home/ada/mlruns/8/{RUN}", "dbfs:/x", "mlruns/"]
)
def test_what_did_not_come_along_is_unavailable_with_the_reason(tmp_path: Path, location: str) -> None:
    with pytest.raises(Unavailable, match="did not come along"):
        shelves(tmp_path).find(location)


def test_what_would_have_to_be_here_was_never_logged(home: Path) -> None:
    with pytest.raises(NotFound, match="No file was logged"):
        shelves(home).find(str(home / "mlruns" / "7" / "f" / "artifacts"))


@pytest.mark.parametrize(
    "location",
    [
        "mlruns/../..",
        "/x/mlruns/../../secret",
        "file:///x/mlruns/%2e%2e/%2e%2e",
        "x\\mlruns\\..\\..",
        "mlflow-artifacts:/../..",
        "mlflow-artifacts:/%2e%2e/",
        "mlruns//etc",
        "mlruns/\0",
        "/etc",
        "file:///etc",
        "..",
        "~",
        "mlruns/7\0/x",
        f"mlruns/{'x' * 300}/y",
        "/mlruns" * 100_000,
    ],
)
def test_no_location_leads_out_of_the_workspace(home: Path, location: str) -> None:
    with pytest.raises(Unavailable):
        shelves(home, home).find(location)


def test_no_link_leads_out_of_the_workspace(home: Path, tmp_path: Path) -> None:
    folder = home / "mlruns" / RUN
    try:
        (folder / "out").symlink_to(tmp_path)
        (folder / "secret.txt").symlink_to(tmp_path / "secret.txt")
        (home / "mlruns" / "8").symlink_to(tmp_path)
    except OSError:
        pytest.skip("this system makes no links")
    found = shelves(home).find(f"mlruns/{RUN}")
    assert found.files() == ("model/MLmodel", "plot.txt")
    for path in ("secret.txt", "out/secret.txt"):
        with pytest.raises(NotFound):
            found.file(path)
    assert found.below("out") is None
    with pytest.raises(Unavailable):
        shelves(home).find("mlruns/8")


class TestFiles:
    """The files of one run."""

    @pytest.fixture
    def found(self, home: Path) -> Artifacts:
        return shelves(home).find(f"mlruns/{RUN}")

    def test_a_file_is_given_by_its_path(self, found: Artifacts) -> None:
        assert found.file("model/MLmodel").read_text() == "flavors: {}\n"

    def test_a_missing_file_is_told_with_those_that_are_there(self, found: Artifacts) -> None:
        with pytest.raises(NotFound) as raised:
            found.file("model.bin")
        assert raised.value.found == "model/MLmodel, plot.txt"

    @pytest.mark.parametrize("path", ["../plot.txt", "/etc/passwd", "..", "model", "", "\0", "a\\..\\..\\plot.txt"])
    def test_no_path_leads_elsewhere(self, found: Artifacts, path: str) -> None:
        with pytest.raises(NotFound):
            found.file(path)

    def test_a_folder_of_them_is_artifacts_too(self, found: Artifacts) -> None:
        below = found.below("model")
        assert below is not None
        assert below.files() == ("MLmodel",)
        assert found.below("nothing") is None


class Held:
    """A store of runs and models at hand."""

    address = "held"
    warnings = ()

    def __init__(self, run: Run, models: tuple[LoggedModel, ...], registered: tuple[ModelVersion, ...]) -> None:
        self._run = replace(run, store=self)
        self._models = models
        self._registered = registered

    def experiments(self) -> tuple[()]:
        return ()

    def runs(self, query: RunQuery) -> list[Run]:
        return query.apply([self._run])

    def count(self, query: RunQuery) -> int:
        return len(self.runs(query))

    def distinct_params(self, query: RunQuery, keys: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
        raise NotImplementedError

    def run_ids(self, among: object = None) -> frozenset[str]:
        return frozenset({self._run.id})

    def registered_models(self) -> tuple[RegisteredModel, ...]:
        return (RegisteredModel("duration", "", {}, self._registered, self),)

    def history(self, run_id: str, key: str) -> tuple[()]:
        return ()

    def datasets(self, run_id: str) -> tuple[()]:
        return ()

    def logged_models(self, run_id: str) -> tuple[LoggedModel, ...]:
        return self._models if run_id == self._run.id else ()

    def models_in(self, experiment_id: str) -> tuple[LoggedModel, ...]:
        return self._models

    def served(self, location: str) -> None:
        pass

    def close(self) -> None:
        pass


class TestBehindAVersion:
    """A version points at its model in one of MLflow's ways."""

    def evidence(self, home: Path, *sources: str, model_at: str = "") -> Evidence:
        run = Run("r1", "", "7", "tuning", "FINISHED", True, 1, 2, f"/elsewhere/mlruns/{RUN}")
        logged = LoggedModel(
            MODEL_ID, "forest", "READY", model_at or f"/elsewhere/mlruns/7/models/{MODEL_ID}/artifacts", "r1"
        )
        versions = tuple(
            ModelVersion("duration", number, "None", source, "r1", "READY", "")
            for number, source in enumerate(sources, 1)
        )
        store = Held(run, (logged,), versions)
        return Evidence((store,), store, shelves=shelves(home))

    def behind(self, evidence: Evidence, version: int = 1) -> Artifacts:
        return evidence.artifacts(evidence.model("duration").versions[version - 1])

    @pytest.fixture
    def with_model(self, home: Path) -> Path:
        put(home / "mlruns" / "7" / "models" / MODEL_ID / "artifacts" / "MLmodel")
        return home

    @pytest.mark.parametrize("source", [f"models:/{MODEL_ID}", "runs:/r1/forest"])
    def test_a_logged_model_is_found(self, with_model: Path, source: str) -> None:
        assert self.behind(self.evidence(with_model, source)).files() == ("MLmodel",)

    def test_a_logged_model_is_found_by_its_id_when_its_location_says_nothing(self, with_model: Path) -> None:
        evidence = self.evidence(with_model, f"models:/{MODEL_ID}", model_at="s3://bucket/x")
        assert self.behind(evidence).files() == ("MLmodel",)

    def test_a_model_of_mlflow_2_lies_below_its_run(self, home: Path) -> None:
        assert self.behind(self.evidence(home, "runs:/r1/model")).files() == ("MLmodel",)

    def test_a_plain_location_is_found_by_its_tail(self, home: Path) -> None:
        assert self.behind(self.evidence(home, f"/elsewhere/mlruns/{RUN}/model")).files() == ("MLmodel",)

    def test_a_copied_version_leads_to_its_original(self, with_model: Path) -> None:
        evidence = self.evidence(with_model, f"models:/{MODEL_ID}", "models:/duration/1")
        assert self.behind(evidence, 2).files() == ("MLmodel",)

    def test_copies_of_copies_without_end_are_not_followed_to_it(self, home: Path) -> None:
        chain = (f"models:/duration/{number}" for number in range(2, 3000))
        with pytest.raises(NotFound, match="No model was logged where version 1"):
            self.behind(self.evidence(home, *chain))

    @pytest.mark.parametrize(
        "source", ["runs:/r1/other", "models:/duration/1", "models:/duration/9", "models:/other/1"]
    )
    def test_a_ghost_version_is_told_as_one(self, home: Path, source: str) -> None:
        with pytest.raises(NotFound, match="No model was logged where version 1"):
            self.behind(self.evidence(home, source))

    @pytest.mark.parametrize("source", [f"models:/{MODEL_ID}", "models:/m-..", "runs:/elsewhere/model", "s3://b/x", ""])
    def test_a_model_that_did_not_come_along_is_unavailable(self, home: Path, source: str) -> None:
        with pytest.raises(Unavailable):
            self.behind(self.evidence(home, source))

    @pytest.mark.parametrize("source", [f"models:/{MODEL_ID}", "runs:/r1/forest"])
    def test_its_logged_model_is_known(self, home: Path, source: str) -> None:
        evidence = self.evidence(home, source, "models:/duration/1")
        for version in evidence.model("duration").versions:
            assert evidence.model_of(version).id == MODEL_ID

    @pytest.mark.parametrize("source", ["runs:/r1/other", "models:/m-1", "models:/duration/1", "s3://b/x", ""])
    def test_a_version_without_a_logged_model_is_told_as_a_ghost(self, home: Path, source: str) -> None:
        evidence = self.evidence(home, source)
        with pytest.raises(NotFound, match="No model was logged where version 1"):
            evidence.model_of(evidence.model("duration").versions[0])

    def test_a_version_whose_run_is_gone_says_so(self, home: Path) -> None:
        evidence = self.evidence(home, "runs:/gone/forest")
        with pytest.raises(NotFound, match="points at no run that is here"):
            evidence.model_of(evidence.model("duration").versions[0])

    def test_a_run_and_a_logged_model_are_asked_in_the_same_words(self, with_model: Path) -> None:
        evidence = self.evidence(with_model)
        run = evidence.runs.first()
        assert evidence.artifacts(run).files() == ("model/MLmodel", "plot.txt")
        assert evidence.artifacts(run.models[0]).files() == ("MLmodel",)


class TestFilesOfTheWorkspace:
    """A file that a learner saved beside the settings."""

    def test_one_is_found(self, home: Path) -> None:
        put(home / "spreadsheet.csv", "model,rmse\n")
        assert Evidence((), shelves=shelves(home)).file("spreadsheet.csv").read_text() == "model,rmse\n"

    @pytest.mark.parametrize("path", ["spreadsheet.csv", "../secret.txt", "/etc/passwd", "mlruns", ""])
    def test_what_is_missing_or_lies_elsewhere_is_not_there(self, home: Path, path: str) -> None:
        with pytest.raises(NotFound, match="There is no file"):
            Evidence((), shelves=shelves(home)).file(path)


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("mlruns", Path("mlruns")),
        ("/a/b", Path("/a/b")),
        ("file:///a/b%20c", Path("/a/b c")),
        ("file:/a/b", Path("/a/b")),
        ("s3://bucket/a", None),
        ("mlflow-artifacts:/a", None),
    ],
)
def test_a_path_of_this_machine_is_told_from_other_locations(location: str, path: Path | None) -> None:
    assert local_path(location) == path
