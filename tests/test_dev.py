"""The words of the repository: the same with make and without, on pinned packages from nowhere in particular."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import dev


def test_make_knows_the_words_that_dev_knows() -> None:
    text = (dev.ROOT / "Makefile").read_text(encoding="utf-8")
    phony = next(line for line in text.splitlines() if line.startswith(".PHONY:"))
    assert set(phony.split()[1:]) == {"help", *dev.WORDS}


def test_no_word_at_all_is_answered_with_the_words() -> None:
    done = subprocess.run([sys.executable, "dev.py"], cwd=dev.ROOT, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 2
    assert all(what in done.stdout for what in dev.WORDS.values())


def test_every_requirement_is_pinned_with_hashes_and_without_an_address() -> None:
    text = dev.REQUIREMENTS.read_text(encoding="utf-8")
    packages = re.split(r"\n(?=\S)", text.strip())
    assert all("==" in package.splitlines()[0] and "--hash=sha256:" in package for package in packages)
    assert "://" not in text


def test_the_installer_is_pinned_like_everything_else() -> None:
    lines = dev.pinned("uv").splitlines()
    assert lines[0].startswith("uv==")
    assert all("--hash=" in line for line in lines[1:])


def test_an_unfit_python_is_told_which_would_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    with pytest.raises(SystemExit) as stopped:
        dev.set_up()
    assert stopped.value.code == 2
    assert "3.11 to 3.13" in capsys.readouterr().out


def test_nothing_is_set_up_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dev, "STAMP", tmp_path / "installed")
    monkeypatch.setattr(dev.venv, "EnvBuilder", pytest.fail)
    dev.STAMP.write_text(dev.fingerprint(), encoding="utf-8")
    dev.set_up()


def test_the_ci_script_runs_the_test_command_of_the_readme() -> None:
    script = (Path(dev.ROOT) / ".ci" / "run").read_text(encoding="utf-8")
    assert "make test" in script
    assert "make test" in (dev.ROOT / "README.md").read_text(encoding="utf-8")
