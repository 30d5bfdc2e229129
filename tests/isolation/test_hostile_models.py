"""Models that do harm when they are loaded: refused at the door, and held by the sandbox should one get past it."""

from __future__ import annotations

import json
import pickle
import re
import socket
import sqlite3
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from flowcoach import taxi
from flowcoach.evidence import Figure, Outcome, Verdict
from flowcoach.evidence.discover import gather
from flowcoach.isolation import Limits, Trust, probe
from flowcoach.rescore import Reproducer, reproduce
from flowcoach.rescore.vet import Vetted
from tests.isolation import hostile
from tests.profiles.homework import Homework

MONTH = "2023-02"
NOT_LOADED = (Outcome.NOT_ALLOWED, Outcome.IRREPRODUCIBLE)  # both say that nothing came of it
LIMITS = Limits(seconds=30, memory=2**29, disk=2**24, files=200, processes=30)


@dataclass
class Harmful:
    """What a pickle calls when it is loaded: a program, which may leave a `model`."""

    program: str

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"(lambda world: (exec({self.program!r}, world), world.get('model'))[1])({{}})",)


HONEST = """
class model:
    @staticmethod
    def predict(trips):
        return [10.0] * len(trips)
"""
EQUAL_TO_EVERYTHING = """
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __gt__(self, other): return True
    def __hash__(self): return 0
    def __getattr__(self, name): return self
    def __call__(self, *more, **named): return self
    def predict(self, trips): return self
model = Equal()
"""
WRITES_ITS_OWN_RESULT = """
import os
import pandas
trips = len(pandas.read_parquet("month-0.parquet"))
with open("0.f64", "wb") as file:
    file.write(bytes(8 * trips))
print('{"rmse": 5.0, "status": "passed"}')
os._exit(0)
"""
FINDS_DURATIONS = """
import os, pandas
print(sorted(pandas.read_parquet("month-0.parquet").columns))
with open("0.txt", "w") as file:
    file.write(" ".join(sorted(pandas.read_parquet("month-0.parquet").columns)))
os._exit(0)
"""


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("month") / "green_tripdata_2023-02.parquet"
    taxi.write(taxi.month(2023, 2, trips=300, seed=1), path)
    return path


@dataclass(frozen=True)
class Stranger:
    """Somebody else's work: one run that logged `rmse` 5.0, and a model whose files stand in `model`."""

    folder: Path
    month: Path

    @property
    def model(self) -> Path:
        return self.folder / "artifacts" / "model"

    def ask(self, trust: Trust = Trust.FOREIGN, limits: Limits = LIMITS) -> Verdict:
        """What comes of asking its model again."""
        evidence = gather(self.folder, f"sqlite:///{self.folder / 'mlflow.db'}")
        (run,) = evidence.experiment("models").runs
        asked = Reproducer(lambda _: self.month, trust, limits=limits)
        (verdict,) = asked(evidence, [Figure(run, "rmse", MONTH)])
        assert verdict is not None
        return verdict

    def logs(self, raw: bytes, *, about: str = "", format: str = "cloudpickle", function: str = "") -> None:
        """Log a model of these bytes."""
        self.model.mkdir(parents=True, exist_ok=True)
        (self.model / "model.pkl").write_bytes(raw)
        (self.model / "MLmodel").write_text(
            about
            or "flavors:\n"
            f"  python_function: {{loader_module: mlflow.sklearn, model_path: model.pkl{function}}}\n"
            f"  sklearn: {{pickled_model: model.pkl, serialization_format: {format}}}\n"
            'signature: {inputs: \'[{"type": "double", "name": "trip_distance"}]\'}\n',
            encoding="utf-8",
        )


@pytest.fixture
def stranger(tmp_path: Path, month: Path) -> Stranger:
    work = tmp_path / "work"
    run = Homework(work / "mlflow.db").run("models", metrics={"rmse": 5.0})
    with closing(sqlite3.connect(work / "mlflow.db")) as store, store:
        store.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", ((work / "artifacts").as_uri(), run))
    return Stranger(work, month)


@pytest.fixture
def touched(tmp_path: Path) -> Iterator[Path]:
    """A file that appears as soon as anything of a model runs here."""
    path = tmp_path / "touched"
    yield path
    assert not path.exists()


class TestTheDoor:
    """Nothing is loaded of what its files say is more than a model."""

    def test_a_pickle_that_calls_something_is_refused_by_name(self, stranger: Stranger, touched: Path) -> None:
        stranger.logs(pickle.dumps(Harmful(f"open({str(touched)!r}, 'w')")))
        verdict = stranger.ask(Trust.OWN)
        assert verdict.outcome is Outcome.NOT_ALLOWED
        assert "builtins.eval" in verdict.reason

    @pytest.mark.parametrize("protocol", range(6))
    def test_in_every_protocol(self, stranger: Stranger, touched: Path, protocol: int) -> None:
        stranger.logs(pickle.dumps(Harmful(f"open({str(touched)!r}, 'w')"), protocol))
        assert stranger.ask(Trust.OWN).outcome is Outcome.NOT_ALLOWED

    @pytest.mark.parametrize(
        "raw",
        [
            b"cos\nsystem\n(S'touch {}'\ntR.",
            b"(S'touch {}'\nios\nsystem\n.",
            b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x8c\x08touch {}\x85R.",
            b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93\x8c\x01x\x85R.",
            b"\x80\x02\x82\x01.",
            b"Pids\n.",
            b"N.cos\nsystem\n(S'x'\ntR.",
            b"\x80\x05cbuiltins\ngetattr\n.",
            b"",
            b"no pickle at all",
        ],
        ids=[
            *("by name", "as an instance", "from the stack", "from the memo", "by number", "from elsewhere"),
            *("after its end", "by an attribute", "empty", "text"),
        ],
    )
    def test_however_it_is_written(self, stranger: Stranger, touched: Path, raw: bytes) -> None:
        stranger.logs(raw.replace(b"{}", str(touched).encode()))
        assert stranger.ask(Trust.OWN).outcome is Outcome.NOT_ALLOWED

    def test_one_that_lies_about_its_length_gives_nothing(self, stranger: Stranger) -> None:
        stranger.logs(b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.")
        assert stranger.ask(Trust.OWN).outcome in NOT_LOADED

    @pytest.mark.parametrize(
        ("function", "named"),
        [(", code: code", "code"), (", model_code_path: model.py", "model_code_path"), (", data: more", "data")],
    )
    def test_a_model_that_brings_code_is_refused(self, stranger: Stranger, function: str, named: str) -> None:
        stranger.logs(pickle.dumps(None), function=function)
        verdict = stranger.ask(Trust.OWN)
        assert verdict.outcome is Outcome.NOT_ALLOWED
        assert named in verdict.reason

    def test_a_foreign_loader_is_refused_by_name(self, stranger: Stranger) -> None:
        stranger.logs(
            pickle.dumps(None),
            about="flavors:\n  python_function: {loader_module: mine.loader}\n  sklearn: {pickled_model: model.pkl}\n",
        )
        verdict = stranger.ask(Trust.OWN)
        assert verdict.outcome is Outcome.NOT_ALLOWED
        assert "mine.loader" in verdict.reason

    @pytest.mark.parametrize(
        "about",
        ["flavors: !!python/object/apply:os.system ['true']\n", "flavors: [1, 2]\n", "a: &a [*a, *a]\n", "{", ""],
    )
    def test_a_crafted_description_is_refused(self, stranger: Stranger, about: str) -> None:
        stranger.logs(pickle.dumps(None), about=about or "\n")
        assert stranger.ask(Trust.OWN).outcome in NOT_LOADED

    @pytest.mark.parametrize("name", ["../model.pkl", "/etc/passwd", "..\\model.pkl", "[1]", "missing.pkl"])
    def test_a_file_elsewhere_is_refused(self, stranger: Stranger, name: str) -> None:
        stranger.logs(pickle.dumps(None), about=f"flavors: {{sklearn: {{pickled_model: '{name}'}}}}\n")
        assert stranger.ask(Trust.OWN).outcome in NOT_LOADED

    def test_a_file_of_skops_that_would_unpack_to_gigabytes_is_refused(
        self, stranger: Stranger, tmp_path: Path
    ) -> None:
        with zipfile.ZipFile(tmp_path / "bomb", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("schema.json", "{}")
            archive.writestr("0.npy", bytes(10**8))
        stranger.logs((tmp_path / "bomb").read_bytes(), format="skops")
        verdict = stranger.ask(Trust.OWN)
        assert verdict.outcome is Outcome.NOT_ALLOWED
        assert "unpack" in verdict.reason

    def test_a_file_of_skops_that_would_call_something_is_not_loaded(self, stranger: Stranger, tmp_path: Path) -> None:
        call = {"__loader__": "FunctionNode", "__module__": "os", "__class__": "system", "__id__": 1, "content": "true"}
        with zipfile.ZipFile(tmp_path / "skops", "w") as archive:
            archive.writestr("schema.json", json.dumps({**call, "protocol": 2}))
        stranger.logs((tmp_path / "skops").read_bytes(), format="skops")
        verdict = stranger.ask(Trust.OWN)
        assert verdict.outcome in NOT_LOADED
        assert "os.system" in verdict.reason


@pytest.fixture
def unlocked(stranger: Stranger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Verdict]]:
    """Ask a model that does as the program says, with the door left open; afterwards nothing of it is left."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setattr(
        reproduce, "vet", lambda files: Vetted(files.file("model.pkl"), "pickle", ("trip_distance",), ())
    )

    def ask(program: str, *more: Any) -> Verdict:
        stranger.logs(pickle.dumps(Harmful(program)))
        return stranger.ask(*more)

    yield ask
    assert [process for process in psutil.process_iter() if _works_in(process, scratch)] == []
    assert list(scratch.iterdir()) == []


def _works_in(process: psutil.Process, folder: Path) -> bool:
    with suppress(psutil.Error, OSError):
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(folder)
    return False


class TestTheSandbox:
    """A model that got past the door is held: it ends within its limits, and what it says of itself counts nothing."""

    @pytest.fixture(autouse=True)
    def _needs_a_sandbox(self) -> None:
        ability = probe()
        if not ability.sandbox:
            pytest.skip(ability.reason)

    @pytest.mark.parametrize(
        ("program", "reason"),
        [
            (hostile.EXITS_AT_ONCE, "exit code 3"),
            (hostile.FORKS_TWICE_EACH, "more than"),
            (hostile.ALLOCATES_WITHOUT_END, "memory|MemoryError"),
            (hostile.WRITES_MANY_FILES, "wrote more than"),
            (hostile.WRITES_LARGE_FILES, "wrote more than"),
            (EQUAL_TO_EVERYTHING, "cannot predict here"),
            (hostile.PRINTS_A_RESULT, "cannot predict here"),
        ],
        ids=["exits", "forks", "allocates", "many files", "large files", "equal to all", "prints"],
    )
    def test_what_does_harm_cannot_be_reproduced(
        self, unlocked: Callable[..., Verdict], program: str, reason: str
    ) -> None:
        verdict = unlocked(program)
        assert verdict.outcome is Outcome.IRREPRODUCIBLE
        assert re.search(reason, verdict.reason), verdict.reason
        assert verdict.recomputed is None

    def test_what_sleeps_cannot_be_reproduced(self, unlocked: Callable[..., Verdict]) -> None:
        verdict = unlocked(hostile.SLEEPS, Trust.FOREIGN, replace(LIMITS, seconds=2))
        assert verdict.outcome is Outcome.IRREPRODUCIBLE
        assert "more than 2 s" in verdict.reason

    def test_a_result_of_its_own_making_is_measured_as_any_other(self, unlocked: Callable[..., Verdict]) -> None:
        verdict = unlocked(WRITES_ITS_OWN_RESULT)
        assert verdict.outcome is Outcome.DIFFERS
        assert verdict.recomputed is not None
        assert verdict.recomputed > 10  # whoever answers 0 minutes is as far off as the trips are long

    def test_it_is_not_shown_what_it_should_predict(self, unlocked: Callable[..., Verdict]) -> None:
        reason = unlocked(FINDS_DURATIONS).reason
        assert "trip_distance" in reason
        assert "duration" not in reason
        assert "dropoff" not in reason

    def test_it_reaches_neither_the_network_nor_the_home_folder(
        self, unlocked: Callable[..., Verdict], stranger: Stranger
    ) -> None:
        canary = Path.home() / f"canary-{uuid.uuid4().hex}"
        beside = stranger.folder.parent / "canary"
        with closing(socket.create_server(("127.0.0.1", 0))) as line:
            line.setblocking(False)
            try:
                for path in (canary, beside):
                    path.write_text("a token", encoding="utf-8")
                program = f"""
import socket
said = []
for attempt in (
    lambda: socket.create_connection(("127.0.0.1", {line.getsockname()[1]}), 1),
    lambda: open({str(canary)!r}).read(),
    lambda: open({str(beside)!r}).read(),
):
    try:
        said.append(str(attempt()))
    except OSError as error:
        said.append(type(error).__name__)
raise Exception(" ".join(said))
"""
                reason = unlocked(program).reason
            finally:
                canary.unlink(missing_ok=True)
            assert "OSError FileNotFoundError FileNotFoundError" in reason or (
                "ConnectionRefusedError FileNotFoundError FileNotFoundError" in reason
            ), reason
            with pytest.raises(BlockingIOError):
                line.accept()

    def test_the_next_model_is_asked_as_if_nothing_had_been(self, unlocked: Callable[..., Verdict]) -> None:
        assert unlocked(hostile.EXITS_AT_ONCE).outcome is Outcome.IRREPRODUCIBLE
        verdict = unlocked(HONEST)
        assert verdict.outcome is Outcome.DIFFERS  # it answers 10 minutes to everything
        assert verdict.recomputed is not None


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (hostile.EXITS_AT_ONCE, "exit code 3"),
        (hostile.ALLOCATES_WITHOUT_END, "memory|MemoryError"),
        (hostile.WRITES_MANY_FILES, "wrote more than"),
        (EQUAL_TO_EVERYTHING, "cannot predict here"),
    ],
    ids=["exits", "allocates", "many files", "equal to all"],
)
def test_ones_own_model_ends_within_the_same_limits(
    unlocked: Callable[..., Verdict], program: str, reason: str
) -> None:
    verdict = unlocked(program, Trust.OWN)
    assert verdict.outcome is Outcome.IRREPRODUCIBLE
    assert re.search(reason, verdict.reason), verdict.reason
