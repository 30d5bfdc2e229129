"""What the command says and how it ends: 0 all passed, 1 something failed or was skipped, 2 nothing could be judged."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mlflow import MlflowClient

from flowcoach import cli, course, workspace
from flowcoach.coach import progress
from flowcoach.workspace import Workspace


def flowcoach(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.main, [str(word) for word in words], prog_name="flowcoach")


@pytest.fixture
def here(prepared: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A new learner's workspace, in a folder with a space in its name, and the learner stands in it."""
    shutil.copytree(prepared.folder, tmp_path / "my course")
    monkeypatch.chdir(tmp_path / "my course")
    return workspace.load(tmp_path / "my course")


def test_alone_it_says_where_you_are_and_the_one_next_step(here: Workspace) -> None:
    done = flowcoach()
    assert done.exit_code == 0
    assert "You are at 2.1, step 1 of 6" in done.stdout
    assert "Next: flowcoach run 2.1" in done.stdout


def test_in_the_middle_of_a_section_it_still_says_how_to_open_the_exercise(here: Workspace) -> None:
    client = MlflowClient(here.own_store)
    client.create_experiment("ridge-by-hand")
    progress.remember(here.folder, lambda known: known.beginning_at("2.2").having_run("2.2"))
    said = flowcoach().stdout
    assert "You are at 2.2, step 2 of 7" in said
    assert "jupyter notebook exercises/2.2-getting-started/exercise.ipynb" in said


def test_who_has_not_run_the_first_script_is_told_to(here: Workspace) -> None:
    assert "flowcoach run 2.1" in flowcoach("check", "2.1/described").stdout


def test_a_workspace_can_be_named_from_elsewhere(
    here: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert flowcoach("--workspace", here.folder).exit_code == 0


def test_a_check_of_nothing_done_fails_with_exit_code_1(here: Workspace) -> None:
    done = flowcoach("check", "2.3")
    assert done.exit_code == 1
    assert "0 of" in done.stdout


def test_output_that_is_no_terminal_has_no_colour(here: Workspace) -> None:
    assert "\x1b" not in flowcoach("check").output


def test_a_check_can_be_had_as_json(here: Workspace) -> None:
    done = flowcoach("check", "--json", "2.2/own-store")
    result = json.loads(done.stdout)
    assert (done.exit_code, result["exit_code"]) == (1, 1)
    assert [check["id"] for check in result["sections"][0]["checks"]] == ["2.2/own-store"]


def test_a_check_can_be_had_as_junit_beside_what_is_shown(here: Workspace, tmp_path: Path) -> None:
    done = flowcoach("check", "2.2", "--junit", tmp_path / "report.xml")
    assert "2.2" in done.stdout
    assert (tmp_path / "report.xml").read_text(encoding="utf-8").startswith("<?xml")


def test_a_report_that_cannot_be_written_is_said(here: Workspace, tmp_path: Path) -> None:
    done = flowcoach("check", "2.2", "--junit", tmp_path / "nowhere" / "report.xml")
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr


def test_trouble_is_json_too_when_json_was_asked_for(
    here: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = flowcoach("check", "--json")
    assert done.exit_code == 2
    assert "no workspace" in json.loads(done.stdout)["problem"]["cause"]


def test_the_sections_can_be_listed(here: Workspace) -> None:
    assert [section["id"] for section in json.loads(flowcoach("list", "--json").stdout)] == [
        section.id for section in course.sections()
    ]
    assert all(section.title in flowcoach("list").stdout for section in course.sections())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete_it(shell: str) -> None:
    assert "_FLOWCOACH_COMPLETE" in flowcoach("completion", shell).stdout


def test_section_ids_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_FLOWCOACH_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "flowcoach check 2.")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert "plain,2.3" in flowcoach().stdout.splitlines()


@pytest.mark.parametrize("name", sorted(cli.main.commands))
def test_help_teaches_with_an_example(name: str) -> None:
    assert f"flowcoach {name}" in flowcoach(name, "--help").stdout.split("Options:")[0].split("\n\n", 1)[1]


def test_your_months_are_shown_and_missing_ones_made(here: Workspace) -> None:
    here.months[0].unlink()
    done = flowcoach("data")
    assert "made" in done.stdout
    assert all(path.is_file() for path in here.months)


class TestTroubles:
    """Each has a one-line cause and a next step on standard error, and exit code 2."""

    @staticmethod
    def assert_said(done: Result, *parts: str) -> None:
        assert done.exit_code == 2, done.output
        assert isinstance(done.exception, SystemExit)
        cause, *rest = done.stderr.strip().splitlines()
        assert all(part in done.stderr for part in parts), done.stderr
        assert cause
        assert any(line.startswith("Next: ") for line in rest)

    def test_no_workspace(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        self.assert_said(flowcoach("check"), "no workspace", "flowcoach start")

    def test_a_named_workspace_that_is_none(self, tmp_path: Path) -> None:
        self.assert_said(flowcoach("--workspace", tmp_path, "check"), "not a workspace")

    def test_a_name_that_no_system_can_look_up(self) -> None:
        self.assert_said(flowcoach("--workspace", "a" * 5000, "check"), "too long")

    @pytest.mark.skipif(sys.platform == "win32", reason="there, the folder one stands in cannot be removed")
    def test_a_current_folder_that_is_gone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "gone").mkdir()
        monkeypatch.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()
        self.assert_said(flowcoach("check"), "No such file or directory")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
    @pytest.mark.parametrize("form", [(), ("--json",)])
    def test_a_full_disk_where_the_result_goes(self, here: Workspace, form: tuple[str, ...]) -> None:
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "flowcoach", "check", *form, "2.2/own-store"],
                stdout=full,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                check=False,
            )
        assert done.returncode == 2
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr

    def test_settings_that_are_not_toml(self, here: Workspace) -> None:
        (here.folder / "flowcoach.toml").write_text("store = sqlite\n", encoding="utf-8")
        self.assert_said(flowcoach("check"), "flowcoach.toml", "not valid TOML")

    def test_an_unknown_section(self, here: Workspace) -> None:
        self.assert_said(flowcoach("check", "2.33"), "no section “2.33”", "did you mean 2.3?")

    def test_an_unknown_check(self, here: Workspace) -> None:
        self.assert_said(flowcoach("check", "2.3/trails"), "no check", "Did you mean 2.3/trials?")

    def test_a_store_that_is_missing(self, here: Workspace) -> None:
        (here.folder / "mlflow.db").unlink()
        self.assert_said(flowcoach("check", "2.3"), "mlflow.db")

    def test_a_missing_extra(self, here: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        self.assert_said(flowcoach("run", "2.3"), "not installed", "pip install")

    def test_the_labs_extra_is_missing(self, here: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        there = importlib.util.find_spec
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "psycopg" else there(name))
        self.assert_said(flowcoach("lab", "up", "team"), "psycopg", 'pip install "flowcoach[lab]"')
        assert not (here.folder / ".flowcoach" / "lab").exists()

    def test_ctrl_c(self, here: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(course, "examine", interrupted)
        self.assert_said(flowcoach("check"), "Ctrl-C")

    def test_a_new_workspace_where_other_things_are(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").touch()
        self.assert_said(flowcoach("start", tmp_path), "other things (thesis.txt)")
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]

    def test_real_months_that_are_not_there(self, tmp_path: Path) -> None:
        (tmp_path / "taxi").mkdir()
        self.assert_said(flowcoach("start", tmp_path / "new", "--data", tmp_path / "taxi"), "2023-01", "missing")
        assert not (tmp_path / "new").exists()

    def test_a_demo_over_somebodys_work(self, here: Workspace) -> None:
        self.assert_said(flowcoach("demo", "--workspace", here.folder), "not an earlier demo")
        assert (here.folder / "mlflow.db").is_file()

    def test_a_port_that_is_taken(self, here: Workspace) -> None:
        import socket

        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            done = flowcoach("ui", "--no-browser", "--port", str(other.getsockname()[1]))
        self.assert_said(done, "is taken")


def test_a_word_that_is_nearly_a_command_is_guessed() -> None:
    done = flowcoach("chekc")
    assert done.exit_code == 2
    assert "Did you mean 'check'?" in done.stderr


def test_starting_twice_writes_over_nothing(here: Workspace) -> None:
    exercise = next((here.folder / "exercises").glob("*/*.ipynb"))
    exercise.write_text("my work", encoding="utf-8")
    done = flowcoach("start", here.folder)
    assert done.exit_code == 0, done.output
    assert exercise.read_text(encoding="utf-8") == "my work"
