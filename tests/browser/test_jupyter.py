"""What a learner sees in JupyterLab: the exercise opens, a cell with a check runs, and a card explains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from flowcoach.coach import scripts
from flowcoach.coach.start import register_kernel
from flowcoach.coach.ui import HOST, free_port
from flowcoach.workspace import Workspace
from tests.pages.reader import Server, answers, wait_for
from tests.prove import stage

EXERCISE = "2.2-getting-started"
IDLE = ".jp-Notebook-ExecutionIndicator[data-status='idle']"
SETTINGS = "@jupyterlab/apputils-extension"


@pytest.fixture(scope="module")
def desk(prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return stage.copy(prepared, tmp_path_factory.mktemp("jupyter") / "course")


@pytest.fixture(scope="module")
def lab(desk: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab in the workspace, with nobody's settings; its address."""
    register_kernel()
    home, port = tmp_path_factory.mktemp("home"), free_port(0)
    settings = {**scripts.environment(desk), **{f"JUPYTER_{kind}_DIR": str(home) for kind in ("CONFIG", "RUNTIME")}}
    settings |= {"JUPYTERLAB_SETTINGS_DIR": str(desk.folder / ".flowcoach" / "lab"), "IPYTHONDIR": str(home)}
    settings |= {"JUPYTERLAB_WORKSPACES_DIR": str(home)}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--ServerApp.token=", "--ServerApp.password=", f"--ServerApp.root_dir={desk.folder}"]
    log = home / "lab.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, env=settings, stdout=said, stderr=subprocess.STDOUT, start_new_session=os.name == "posix"
        )
    server = Server("jupyter lab", process, log)
    try:
        assert wait_for(lambda: answers(port), 60), server.said
        yield f"http://{HOST}:{port}/lab"
    finally:
        server.end()


def wear(desk: Workspace, theme: str) -> None:
    """Choose a theme, and no news, in JupyterLab's own settings files."""
    for name, settings in {
        "themes": {"theme": f"JupyterLab {theme}"},
        "notification": {"fetchNews": "false", "checkForUpdates": False},
    }.items():
        path = desk.folder / ".flowcoach" / "lab" / SETTINGS / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), encoding="utf-8")


def open_exercise(browser: WebDriver, address: str) -> None:
    """Open the exercise, wait for its kernel, and select its first cell."""
    browser.get(f"{address}/tree/exercises/{EXERCISE}/exercise.ipynb")
    _wait(browser).until(lambda page: page.find_elements(By.CSS_SELECTOR, IDLE))
    # JupyterLab draws its cells anew while the notebook settles, maybe between finding one and the click.
    _wait(browser).until(lambda page: page.find_element(By.CSS_SELECTOR, ".jp-Notebook .jp-Cell").click() is None)


def run_next_cell(browser: WebDriver) -> None:
    """Run the selected cell and go on to the next, as everybody does."""
    browser.switch_to.active_element.send_keys(Keys.SHIFT, Keys.ENTER)


def card(browser: WebDriver, says: str) -> WebElement:
    """The card of a check that says this."""
    cards = f"//*[contains(@class, 'jp-OutputArea-output')][contains(., '{says}')]"
    return _wait(browser).until(lambda page: page.find_element(By.XPATH, cards))


def photograph(browser: WebDriver, seen: WebElement, path: Path) -> None:
    """Keep what is on the screen, for somebody to look at."""
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", seen)
    browser.save_screenshot(str(path))


def _wait(browser: WebDriver) -> WebDriverWait[WebDriver]:
    return WebDriverWait(browser, 60, ignored_exceptions=[StaleElementReferenceException, NoSuchElementException])


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_check_explains_a_failure_gives_hints_one_by_one_and_says_why_when_it_passes(
    theme: str, desk: Workspace, lab: str, browser: WebDriver, tmp_path: Path
) -> None:
    wear(desk, theme)
    open_exercise(browser, lab)
    for _ in range(6):
        run_next_cell(browser)
    failed = card(browser, "✗ failed")
    assert "There is no experiment called “ridge-by-hand”." in failed.text
    assert {"expected", "found", "where", "try"} <= set(failed.text.splitlines())

    first, second, third = failed.find_elements(By.TAG_NAME, "summary")
    assert (first.text, second.is_displayed()) == ("hint 1 of 3", False)
    first.click()
    assert "Two questions before any run" in failed.text
    assert (second.text, third.is_displayed()) == ("hint 2 of 3", False)
    photograph(browser, failed, tmp_path / "failed.png")
    assert "def own_store" not in browser.page_source

    with stage.inside(desk):
        found = MlflowClient().create_experiment("ridge-by-hand")
    failed.find_element(
        By.XPATH, "./ancestor::*[contains(@class, 'jp-Cell')]//*[contains(@class, 'jp-InputPrompt')]"
    ).click()
    run_next_cell(browser)
    passed = card(browser, "✓ passed")
    assert "nobody finds it" in passed.text
    photograph(browser, passed, tmp_path / "passed.png")
    with stage.inside(desk):
        MlflowClient().rename_experiment(found, f"of the page in {theme}")
