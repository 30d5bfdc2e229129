"""Hints, solutions, resets and lists, as a learner types them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flowcoach import cli, course
from flowcoach.coach import progress
from flowcoach.workspace import Workspace
from tests.toy import log_run


def flowcoach(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.main, [str(word) for word in words], prog_name="flowcoach")


def exercise(here: Workspace) -> Path:
    return here.folder / "exercises" / "9.1-toy" / "exercise.ipynb"


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestHint:
    def test_each_time_there_is_one_more(self, toy: Workspace) -> None:
        first, second = flowcoach("hint", "9.1/first"), flowcoach("hint", "9.1/first")
        assert "hint 1 of 2  softly" in first.stdout
        assert "plainly" not in first.stdout
        assert "hint 2 of 2  plainly" in second.stdout

    def test_after_the_last_all_stand_there_again_with_where_else_to_look(self, toy: Workspace) -> None:
        for _ in range(2):
            flowcoach("hint", "9.1/first")
        done = flowcoach("hint", "9.1/first")
        assert "softly" in done.stdout
        assert "plainly" in done.stdout
        assert "README.md" in done.stdout
        assert "flowcoach solution 9.1 --anyway" in done.stdout

    def test_a_section_means_its_first_open_step(self, toy: Workspace) -> None:
        toy.answer("9.1", first=1)
        assert flowcoach("hint", "9.1").stdout.startswith("9.1/second")

    def test_what_a_step_builds_on_comes_first(self, toy: Workspace) -> None:
        assert flowcoach("hint", "9.1/second").stdout.startswith("9.1/first")

    def test_a_step_that_holds_gets_none(self, toy: Workspace) -> None:
        toy.answer("9.1", first=1)
        done = flowcoach("hint", "9.1/first")
        assert "holds already" in done.stdout
        assert progress.read(toy.folder).hints == {}

    def test_a_bonus_without_hints_says_where_else_to_look(self, toy: Workspace) -> None:
        toy.answer("9.1", first=1, second=2)
        assert "flowcoach check 9.1/extra" in flowcoach("hint", "9.1").stdout

    def test_a_broken_memory_does_not_keep_it_back(self, toy: Workspace) -> None:
        (toy.folder / "progress.toml").write_text("at = ", encoding="utf-8")
        assert "softly" in flowcoach("hint", "9.1").stdout

    def test_an_unknown_step_is_told_with_the_nearest(self, toy: Workspace) -> None:
        done = flowcoach("hint", "9.1/frist")
        assert done.exit_code == 2
        assert "9.1/first" in done.stderr


class TestSolution:
    def test_it_waits_for_full_marks(self, toy: Workspace) -> None:
        done = flowcoach("solution", "9.1")
        assert done.exit_code == 2
        assert "answer = 1" not in done.output
        assert "--anyway" in done.stderr

    def test_full_marks_open_it_whatever_the_bonus(self, toy: Workspace) -> None:
        toy.answer("9.1", first=1, second=2)
        done = flowcoach("solution", "9.1")
        assert done.exit_code == 0
        assert "answer = 1" in done.stdout

    def test_anyway_opens_it_and_says_what_is_lost(self, toy: Workspace) -> None:
        done = flowcoach("solution", "9.1", "--anyway")
        assert "answer = 1" in done.stdout
        assert "by yourself" in done.stderr

    def test_it_is_a_script_without_marks_of_the_maker(self, toy: Workspace) -> None:
        text = flowcoach("solution", "9.1", "--anyway").stdout
        compile(text, "solution", "exec")
        assert text.startswith("# # 9.1 Toy: count\n#\n# Say what comes first.\n")
        assert "SOLUTION" not in text
        assert "%%" not in text

    def test_it_can_be_read_without_a_workspace(
        self, toy: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert "answer = 1" in flowcoach("solution", "9.1", "--anyway").stdout


@pytest.mark.parametrize("section", [section.id for section in course.sections()])
def test_every_solution_of_the_course_is_a_script(section: str) -> None:
    done = CliRunner(charset="cp437").invoke(cli.main, ["solution", section, "--anyway"])
    compile(done.stdout_bytes, section, "exec")


def test_a_pipe_that_lacks_characters_of_the_course_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner(charset="cp437").invoke(cli.main, ["list"])
    assert done.exit_code == 0
    assert b"\\u201c" in done.stdout_bytes


def test_a_section_without_a_solution_says_what_there_is(
    toy: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(course.root() / "modules", tmp_path / "course" / "modules")
    monkeypatch.setattr(course, "root", lambda: tmp_path / "course")
    done = flowcoach("solution", "9.1", "--anyway")
    assert done.exit_code == 2
    assert "Next: see what there is: flowcoach list" in done.stderr


class TestReset:
    def test_the_exercise_comes_anew_and_the_old_one_is_kept(self, toy: Workspace) -> None:
        fresh = exercise(toy).read_bytes()
        exercise(toy).write_text("my work", encoding="utf-8")
        done = flowcoach("reset", "9.1")
        (backup,) = (toy.folder / ".flowcoach" / "backups").iterdir()
        assert exercise(toy).read_bytes() == fresh
        assert (backup / "exercise.ipynb").read_text(encoding="utf-8") == "my work"
        assert f"{backup.relative_to(toy.folder)}" in done.stdout
        assert "bring it back" in done.stdout

    def test_twice_in_a_second_loses_nothing(self, toy: Workspace) -> None:
        for work in ("first work", "second work"):
            exercise(toy).write_text(work, encoding="utf-8")
            flowcoach("reset", "9.1")
        kept = contents(toy.folder / ".flowcoach" / "backups").values()
        assert sorted(kept) == [b"first work", b"second work"]

    def test_an_exercise_as_it_came_is_left_alone(self, toy: Workspace) -> None:
        assert "nothing to set back" in flowcoach("reset", "9.1").stdout
        assert not (toy.folder / ".flowcoach" / "backups").exists()

    def test_a_step_is_told_that_its_whole_section_is_set_back(self, toy: Workspace) -> None:
        exercise(toy).write_text("my work", encoding="utf-8")
        done = flowcoach("reset", "9.1/first")
        assert done.exit_code == 2
        assert "reset takes a whole section" in done.stderr
        assert "flowcoach reset 9.1" in done.stderr
        assert exercise(toy).read_text(encoding="utf-8") == "my work"

    def test_a_deleted_exercise_comes_back(self, toy: Workspace) -> None:
        shutil.rmtree(toy.folder / "exercises")
        assert flowcoach("reset", "9.1").exit_code == 0
        assert exercise(toy).is_file()

    def test_store_answers_and_own_files_stay(self, toy: Workspace) -> None:
        toy.answer("9.1", first=1)
        log_run(toy, "one", seen="yes")
        (exercise(toy).parent / "notes.txt").write_text("mine", encoding="utf-8")
        before = contents(toy.folder)
        exercise(toy).write_text("my work", encoding="utf-8")
        flowcoach("reset", "9.1")
        assert before.items() <= contents(toy.folder).items()


class TestList:
    def test_in_a_workspace_it_says_what_is_done(self, toy: Workspace) -> None:
        toy.answer("9.1", first=1)
        done = flowcoach("list")
        assert "9.1 Toy  1 of 2 steps, 1 of 3 points" in done.stdout
        assert "done  1. The first answer is 1" in done.stdout
        assert "open  2. The second answer is 2" in done.stdout

    def test_a_section_can_be_named(self, toy: Workspace) -> None:
        done = flowcoach("list", "9.2")
        assert "9.2 Last" in done.stdout
        assert "9.1" not in done.stdout

    def test_machines_get_states_points_dates_and_hints(self, toy: Workspace) -> None:
        flowcoach("hint", "9.1/first")
        toy.answer("9.1", first=1)
        (listed,) = json.loads(flowcoach("list", "9.1/first", "--json").stdout)
        (check,) = listed["checks"]
        assert (check["state"], check["earned"], check["points"], check["hints_seen"]) == ("passed", 1, 1, 1)
        assert check["done"] == progress.read(toy.folder).done["9.1/first"].isoformat()

    def test_elsewhere_it_is_the_plain_list(
        self, toy: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        done = flowcoach("list")
        assert done.exit_code == 0
        assert "9.1 Toy  3 steps, 3 points" in done.stdout
        assert "done" not in done.stdout

    def test_a_store_that_is_gone_does_not_end_it(self, toy: Workspace) -> None:
        (toy.folder / "mlflow.db").unlink()
        done = flowcoach("list")
        assert "9.1 Toy" in done.stdout
        assert "mlflow.db" in done.stderr


class TestWhereYouAre:
    def test_a_lost_memory_is_written_anew_from_the_evidence(self, toy: Workspace) -> None:
        toy.answer("9.1", first=1)
        flowcoach()
        (toy.folder / "progress.toml").unlink()
        flowcoach()
        assert set(progress.read(toy.folder).done) == {"9.1/first"}

    def test_a_broken_memory_is_told_and_kept(self, toy: Workspace) -> None:
        (toy.folder / "progress.toml").write_text("at = ", encoding="utf-8")
        done = flowcoach()
        assert done.exit_code == 0
        assert "could not be read" in done.stderr

    def test_a_script_that_was_run_is_not_asked_for_again(self, toy: Workspace) -> None:
        assert "flowcoach run 9.1" in flowcoach().stdout
        assert flowcoach("run", "9.1").exit_code == 0
        assert "flowcoach run 9.1" not in flowcoach().stdout

    def test_who_began_in_the_middle_is_counted_from_there(self, toy: Workspace) -> None:
        progress.remember(toy.folder, lambda known: known.beginning_at("9.2"))
        assert "You are at 9.2" in flowcoach().stdout
        log_run(toy, "one", seen="yes")
        assert "You are at 9.1" in flowcoach().stdout

    def test_a_check_remembers_nothing(self, toy: Workspace) -> None:
        toy.answer("9.1", first=1)
        before = contents(toy.folder)
        flowcoach("check")
        assert contents(toy.folder) == before


class TestStartAt:
    def test_the_section_is_ready_and_counts_come_from_there(self, toy: Workspace) -> None:
        done = flowcoach("start", toy.folder, "--at", "9.2")
        assert done.exit_code == 0, done.output
        assert (toy.folder / "made-by-run.txt").is_file()
        assert "You are at 9.2" in flowcoach().stdout

    @pytest.mark.parametrize("name", ["my course", "o'brien", "new (1)", "a&b"])
    def test_the_way_into_it_can_be_typed_in_a_shell(
        self, name: str, toy: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "elsewhere" / name
        shutil.copytree(toy.folder, folder)
        monkeypatch.chdir(folder.parent)
        assert f'cd "{name}"' in flowcoach("start", name).stdout

    def test_a_section_that_is_not_there_makes_no_workspace(self, toy: Workspace, tmp_path: Path) -> None:
        assert flowcoach("start", tmp_path / "new", "--at", "9.9").exit_code == 2
        assert not (tmp_path / "new").exists()

    def test_options_that_change_nothing_are_told(self, toy: Workspace) -> None:
        done = flowcoach("start", toy.folder, "--learner", "somebody-else")
        assert "--learner changed nothing" in done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"), [("9.", {"9.1", "9.2"}), ("9.1/", {"9.1/first", "9.1/second", "9.1/extra"})]
)
def test_sections_and_steps_complete(
    typed: str, offered: set[str], toy: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_FLOWCOACH_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"flowcoach hint {typed}")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert {line.removeprefix("plain,") for line in flowcoach().stdout.splitlines()} == offered


def test_a_step_named_without_its_section_is_guessed(toy: Workspace) -> None:
    assert "did you mean 9.1/first?" in flowcoach("check", "first").stderr
