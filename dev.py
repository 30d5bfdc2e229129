"""The words of the Makefile for a machine without make: `python dev.py demo`.

Needs nothing but Python 3.11 to 3.13: the first word makes the environment `.venv` in this folder, and everything else
runs inside it. Nothing outside this folder is touched.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "installed"
REQUIREMENTS = ROOT / "requirements.txt"
PYTHONS = ((3, 11), (3, 13))
# Not the workspace of somebody who takes the course in this folder.
OURS = ("bench", "modules", "solutions", "src", "tests", "tools", "dev.py", "nbgrader_config.py")

WORDS = {
    "demo": "play the course in a throw-away workspace and check it: the main job",
    "test": "lint, then every test, the proof of the course among them",
    "lint": "format and style (ruff), types (basedpyright), arrows (import-linter), the CI workflow (its schema)",
    "exercises": "write exercises/ anew from solutions/",
    "prove": "prove the course, or one section: prove 2.3",
    "bench": "measure speed and data against their peers, or one of them: bench check",
    "requirements": "write requirements.txt anew from pyproject.toml",
}


def main() -> int:
    """Do one word; the exit code is that of the first command that failed."""
    parser = argparse.ArgumentParser(
        description="Set up and do one thing.",
        epilog="\n".join(f"{word:13}{what}" for word, what in WORDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("word", choices=WORDS, metavar="word", help=" · ".join(WORDS))
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="handed on to the command behind the word")
    if len(sys.argv) == 1:
        parser.print_help()
        return 2
    chosen = parser.parse_args()
    try:
        set_up()
        return do(chosen.word, chosen.rest)
    except subprocess.CalledProcessError as error:
        say(f"{' '.join(map(str, error.cmd[:4]))} … ended with exit code {error.returncode}; its own words are above.")
        return error.returncode
    except KeyboardInterrupt:
        say("Stopped. The same command goes on where this one ended.")
        return 130


def do(word: str, rest: Sequence[str]) -> int:
    """Run what stands behind a word; raises CalledProcessError when a step of several fails."""
    if word == "demo":
        code = run("-m", "flowcoach", "demo", *rest, check=False)
        if code == 0:
            elsewhere = any(word.startswith("--workspace") for word in rest)
            look = "as said above" if elsewhere else f"{_shown(BIN / 'flowcoach')} ui --demo"
            say(f"Next: look at what was left behind: {look}")
            say(f"  or begin yourself: {_shown(BIN / 'flowcoach')} start ../my-course")
        return code
    if word == "test":
        lint()
        code = run("-m", "pytest", "-n", "2", *rest, check=False)
        if code == 0:
            say("All green. Next: make demo" if shutil.which("make") else "All green. Next: python dev.py demo")
        return code
    if word == "lint":
        lint()
    elif word == "exercises":
        return run("-m", "tools.exercises", *rest, check=False)
    elif word == "prove":
        sections = [option for section in rest for option in ("--section", section)]
        return run("-m", "pytest", "-n", "2", "tests/prove", *sections, check=False)
    elif word == "bench":
        return run("-m", "bench", *rest, check=False)
    elif word == "requirements":
        requirements()
    return 0


def lint() -> None:
    """Everything a machine can see without running the code."""
    run("-m", "ruff", "format", "--check", *OURS)
    run("-m", "ruff", "check", *OURS)
    run("-m", "basedpyright", "--warnings")
    tool("lint-imports", "--no-logo")
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, workflows))


def requirements() -> None:
    """Pin everything for all Pythons and systems at once, with hashes and without the address of an index."""
    options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--upgrade", "--quiet"]
    options += ["--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header"]
    run("-m", "uv", "pip", "compile", "pyproject.toml", "--extra", "dev", *options, "--output-file", REQUIREMENTS.name)


def set_up() -> None:
    """Make `.venv` and install what requirements.txt pins, unless that was done already."""
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        low, high = (".".join(map(str, version)) for version in PYTHONS)
        say(f"flowcoach needs Python {low} to {high}; this is {sys.version.split()[0]}.")
        say("Next: run the same with such a Python: python3.12 dev.py demo, or make demo PYTHON=python3.12")
        sys.exit(2)
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == fingerprint():
        return
    began = time.monotonic()
    say(f"Setting up {VENV.name} (once, one to three minutes) …")
    say("1 of 3  an environment of its own")
    if not has_pip():  # one that is whole is brought up to date, even while a program of it runs
        try:
            venv.EnvBuilder(with_pip=True, clear=True).create(VENV)
        except subprocess.CalledProcessError:
            say("This Python cannot make environments.")
            say("Next: install what it lacks (on Debian and Ubuntu: apt install python3-venv), then the same again")
            sys.exit(2)
    say("2 of 3  the installer, then about 200 pinned packages (350 MB)")
    cache = VENV / "cache"  # not in the user's home; gone when done
    settings = {**os.environ, "UV_CACHE_DIR": str(cache), "PIP_NO_CACHE_DIR": "1", "VIRTUAL_ENV": str(VENV)}
    settings["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    first = VENV / "installer.txt"
    first.write_text(pinned("uv"), encoding="utf-8")
    run("-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", str(first), env=settings)
    # Compiled once, for every process of the demo and the tests would compile it anew where none may write bytecode.
    run("-m", "uv", "pip", "sync", "--require-hashes", "--compile-bytecode", REQUIREMENTS.name, env=settings)
    say("3 of 3  flowcoach itself")
    here = ("--no-deps", "--no-build-isolation", "--editable", ".")
    run("-m", "uv", "pip", "install", "--quiet", *here, env=settings)
    shutil.rmtree(cache, ignore_errors=True)
    STAMP.write_text(fingerprint(), encoding="utf-8")
    say(f"Ready in {time.monotonic() - began:.0f} s.")


def has_pip() -> bool:
    """Whether the environment is there and was made to the end."""
    return PYTHON.exists() and run("-c", "import pip", check=False) == 0


def fingerprint() -> str:
    """What the environment was made from, as a SHA-256 in hex: when it changes, everything is installed anew."""
    return hashlib.sha256(REQUIREMENTS.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()


def pinned(package: str) -> str:
    """The lines of requirements.txt that pin one package, hashes and all."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith(f"{package}=="))
    end = next(number for number in range(begin, len(lines)) if not lines[number].endswith("\\"))
    return "\n".join(lines[begin : end + 1]) + "\n"


def run(*words: str, check: bool = True, env: dict[str, str] | None = None) -> int:
    """Run the environment's Python in this folder, with its programs first on PATH; the exit code comes back."""
    settings = dict(os.environ if env is None else env)
    settings["PATH"] = os.pathsep.join([str(BIN), settings.get("PATH", "")])
    return subprocess.run([str(PYTHON), *words], cwd=ROOT, env=settings, check=check).returncode


def tool(name: str, *words: str) -> None:
    """Run a program of the environment that has no `python -m`."""
    subprocess.run([str(BIN / (f"{name}.exe" if os.name == "nt" else name)), *words], cwd=ROOT, check=True)


def say(text: str) -> None:
    """Tell the person at the terminal, in order with what the commands print."""
    print(text, flush=True)


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    sys.exit(main())
