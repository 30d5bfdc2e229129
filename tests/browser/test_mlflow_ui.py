"""A click in MLflow's own UI is evidence: the description of a run, as section 2.1 begins, turns its step green."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from flowcoach import course
from flowcoach.coach import scripts, ui
from flowcoach.result import State
from flowcoach.workspace import Workspace
from tests.pages.reader import Server, wait_for
from tests.prove import stage

SECTION = course.section("2.1")
EXPERIMENT = "green-taxi"


@pytest.fixture(scope="module")
def desk(prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with what section 2.1 begins from."""
    here = stage.copy(prepared, tmp_path_factory.mktemp("clicks") / "course")
    scripts.run(SECTION.folder / "run.py", here, quiet=True)
    return here


@pytest.fixture(scope="module")
def mlflow_ui(desk: Workspace) -> Iterator[str]:
    """MLflow's UI on the workspace's store; its address."""
    port = ui.free_port(0)
    with ui.serve(desk, port) as server:
        ui.wait_until_ready(server, port, desk)
        yield f"http://{ui.HOST}:{port}"


@pytest.fixture
def watching(desk: Workspace, tmp_path: Path) -> Iterator[Server]:
    """`flowcoach watch 2.1` in plain lines, once it has looked for the first time."""
    log = tmp_path / "watch.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "flowcoach", "watch", "2.1", "--plain"],
            env=scripts.environment(desk),
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=os.name == "posix",
        )
    server = Server("flowcoach watch", process, log)
    try:
        assert wait_for(lambda: "Step 1" in server.said, 30), server.said
        yield server
    finally:
        server.end()


def press(browser: WebDriver, what: str) -> WebElement:
    """Press what an XPath finds, once it is there and nothing lies over it."""
    pressed: list[WebElement] = []

    def tried(page: WebDriver) -> bool:
        found = page.find_element(By.XPATH, what)
        found.click()
        pressed.append(found)
        return True

    patient = [NoSuchElementException, StaleElementReferenceException, WebDriverException]
    WebDriverWait(browser, 60, ignored_exceptions=patient).until(tried)
    return pressed[0]


def test_a_description_written_in_the_ui_turns_the_first_step_green(
    desk: Workspace,
    mlflow_ui: str,
    watching: Server,
    browser: WebDriver,
    tmp_path: Path,
    record_property: Callable[[str, str], None],
) -> None:
    with stage.inside(desk):
        experiment = MlflowClient().get_experiment_by_name(EXPERIMENT)
        assert experiment
        runs = MlflowClient().search_runs([experiment.experiment_id])
        figure = experiment.tags["rmse_in_the_report"]
        (run,) = (run for run in runs if f"{run.data.metrics.get('rmse', 0):.4f}" == figure)

    browser.get(mlflow_ui)
    press(browser, "//*[text()='Model training']")
    press(browser, f"//a[text()='{EXPERIMENT}']")
    press(browser, f"//a[contains(@href, '{run.info.run_id}')]")
    press(browser, "//button[@aria-label='Edit description']")
    box = WebDriverWait(browser, 30).until(lambda page: page.find_element(By.TAG_NAME, "textarea"))
    box.send_keys("The run in the report.")
    browser.save_screenshot(str(tmp_path / "description.png"))
    assert "✓" not in watching.said
    press(browser, "//button[contains(., 'Save')]")
    clicked = time.monotonic()
    assert wait_for(lambda: "✓" in watching.said, 20), watching.said
    record_property("from a click in MLflow's UI to the green line", f"{time.monotonic() - clicked:.2f} s")
    browser.save_screenshot(str(tmp_path / "described.png"))
    assert stage.states(stage.examine(desk, SECTION))["2.1/described"] is State.PASSED
