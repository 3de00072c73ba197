"""Take the README's pictures of the running project: python -m docs.images.take 2013-03-07.

The graph of that night of the first model, and the Perennial page, out of Airflow's web UI.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.chromium import Browser, browser

from perennial.declare.project import Project
from perennial.deploy import airflow_settings
from perennial.replay.orchestrator import Orchestrator

HERE = Path(__file__).parent
GRAPH, PAGE = (1640, 560), (1280, 1500)
IS_AT_REST = """
const place = document.querySelector('.react-flow__viewport').style.transform;
const is_same = window.perennial_place === place;
window.perennial_place = place;
return is_same;
"""


def take(night: str) -> None:
    """Both pictures, in place of those before."""
    project = Project.find()
    address, (name, password) = airflow_settings.address(project), airflow_settings.login(project)
    dag = f"nightly_{next(iter(project.models))}"
    run = Orchestrator(address, name, password).run_of(dag, night)
    assert run is not None, f"{dag} has no run of {night}"
    profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with profile as folder, browser(Path(folder)) as opened:
        log_in(opened, address, name, password)
        graph(opened, f"{address}/dags/{dag}/runs/{run}", dag)
        page(opened, address)


def log_in(opened: Browser, address: str, name: str, password: str) -> None:
    """Log in to Airflow."""
    opened.open(address)
    opened.type(opened.wait_for("input[name=username]"), name)
    opened.type(opened.wait_for("input[name=password]"), password)
    opened.click(opened.wait_for("button[type=submit]"))
    opened.wait_for_text("Welcome", 60)


def graph(opened: Browser, address: str, dag: str) -> None:
    """The run's graph with its groups open."""
    opened.size(*GRAPH)
    groups = json.dumps(["learning"])
    for key, value in {"default_dag_view": '"graph"', f"{dag}/open-groups": groups}.items():
        opened.script("localStorage.setItem(arguments[0], arguments[1])", key, value)
    opened.open(address)
    opened.wait_for(".react-flow__node", 60)
    opened.click(opened.wait_for("[aria-label='Collapse Details Panel']"))
    opened.click(opened.wait_for(".react-flow__controls-fitview"))
    opened.until(lambda: opened.script(IS_AT_REST), "a graph at rest")
    opened.screenshot(HERE / "night.png")


def page(opened: Browser, address: str) -> None:
    """The Perennial page in its frame."""
    opened.size(*PAGE)
    opened.open(f"{address}/plugin/perennial")
    opened.into(opened.wait_for("iframe", 60))
    opened.wait_for_text("What answers now", 60)
    opened.into(None)
    opened.screenshot(HERE / "page.png")


if __name__ == "__main__":
    take(sys.argv[1])
