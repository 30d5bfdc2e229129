"""The settings of a workspace: what is missing has a default, what makes no sense is said in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flowcoach import workspace
from flowcoach.evidence import answers
from flowcoach.evidence.discover import open_store
from flowcoach.evidence.opening import path_of
from flowcoach.problem import Problem


def load(folder: Path, text: str) -> workspace.Workspace:
    (folder / workspace.SETTINGS).write_text(text, encoding="utf-8")
    return workspace.load(folder)


def test_an_empty_file_stands_for_the_defaults(tmp_path: Path) -> None:
    here = load(tmp_path, "")
    assert (here.address, here.data, here.month_names) == ("sqlite:///mlflow.db", tmp_path / "data", workspace.MONTHS)


def test_an_id_may_be_a_number(tmp_path: Path) -> None:
    assert load(tmp_path, "learner = 4711\n").learner == "4711"


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufefflearner = 'ada'\n").learner == "ada"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("store = 5", "`store`"),
        ("store = ['a']", "`store`"),
        ("learner = {a = 1}", "`learner`"),
        ("data = 'x'", "`data`"),
        ("[data]\nfolder = 3", "`folder`"),
        ("[data]\nmonths = 3", "`months`"),
        ("[data]\nmonths = '2023-01'", "`months`"),
        ("[data]\nmonths = ['2023-01']", "1 months"),
        ("[data]\nmonths = [1, 2, 3]", "months that are none"),
        ("[data]\nmonths = ['../../x', '2023-02', '2023-03']", "months that are none"),
        ("[data]\ntrips = 'x'", "`trips`"),
        ("[data]\ntrips = inf", "`trips`"),
        ("a = " + "[" * 20_000, "nests too deeply"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_with_the_file(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(Problem, match=named) as trouble:
        load(tmp_path, text)
    assert str(tmp_path / workspace.SETTINGS) in trouble.value.cause


def test_an_address_that_no_system_can_look_up_is_said(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="cannot be read"):
        open_store(load(tmp_path, f"store = '{'a' * 5000}'").own_store)


@pytest.mark.parametrize("name", ["course", "My%20Course", "100% mine", "50%41", "what?", "a#b", "für mich"])
def test_the_address_of_the_store_names_the_same_file_to_mlflow_and_to_us(tmp_path: Path, name: str) -> None:
    from sqlalchemy import make_url  # by which MLflow opens it

    store = workspace.absolute("sqlite:///mlflow.db", tmp_path / name)
    assert make_url(store).database == (tmp_path / name / "mlflow.db").as_posix()
    assert path_of(store) == tmp_path / name / "mlflow.db"


class TestRealMonths:
    def test_months_that_lie_elsewhere_are_real(self, tmp_path: Path) -> None:
        (tmp_path / "flowcoach.toml").write_text('[data]\nfolder = "../taxi"\n', encoding="utf-8")
        assert workspace.load(tmp_path).is_real

    def test_that_they_were_fetched_is_noted_and_nothing_else_changes(self, tmp_path: Path) -> None:
        settings = tmp_path / "flowcoach.toml"
        settings.write_text('# mine\nlearner = "ada"\n\n[data]\ntrips = 900 # few\n', encoding="utf-8")
        assert not workspace.load(tmp_path).is_real
        assert workspace.note_real(workspace.load(tmp_path)).is_real
        text = settings.read_text(encoding="utf-8")
        assert text.startswith('# mine\nlearner = "ada"\n\n[data]\ntrips = 900 # few\n')

    def test_the_month_after_december_is_in_the_next_year(self) -> None:
        assert workspace.next_month("2023-12") == "2024-01"


class TestVariants:
    def test_a_learner_keeps_theirs_and_another_has_another(self) -> None:
        picked = {workspace.pick(learner, "2.7/random_state", range(1000)) for learner in ("ada", "ada", "bob", "eve")}
        assert len(picked) == 3


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (pd.Series(["a", "b"]), ["a", "b"]),
        (np.array([1, 2]), [1, 2]),
        ([np.int64(3)], [3]),
        (np.float64(0.5), 0.5),
        ({"k": np.str_("v")}, {"k": "v"}),
    ],
    ids=["column", "array", "list of numbers", "number", "table"],
)
def test_an_answer_of_numpy_or_pandas_is_kept_as_plain_data(tmp_path: Path, answer: object, kept: object) -> None:
    load(tmp_path, "").answer("2.1", it=answer)
    assert answers.read(tmp_path).sections["2.1"]["it"] == kept


def test_an_answer_that_a_text_file_cannot_hold_is_said_and_leaves_the_others(tmp_path: Path) -> None:
    here = load(tmp_path, "")
    here.answer("2.1", first="a")
    with pytest.raises(Problem, match="DataFrame"):
        here.answer("2.1", it=pd.DataFrame({"a": [1]}))
    assert answers.read(tmp_path).sections["2.1"] == {"first": "a"}
