"""What a person does in the web UI: log in, ask for a training by the form, read what came of it.

A real browser, a real Airflow, real servers; screenshots are kept in `var/screenshots`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.keep.ledger import serving

pytestmark = [
    pytest.mark.browser, pytest.mark.airflow, pytest.mark.serving, pytest.mark.timeout(900),
]  # fmt: skip

SCREENSHOTS = Path(__file__).parents[2] / "var" / "screenshots"
MODEL = "rental_minutes"
STRONG = {"days": 4, "rounds": 20, "max_rounds": 200}
WIDE, PHONE = (1280, 1000), (390, 844)
REASON = "seen in the browser"


def version(nights: Any) -> str:
    """What serves now."""
    found = serving(Project(nights.root, Settings(project=None, ledger_url=None)), MODEL)
    assert found is not None
    return found.version


def log_in(browser: Any, nights: Any, path: str) -> None:
    """Open a page of Airflow as nobody, and log in where one is sent."""
    browser.open(f"{nights.airflow.url}{path}")
    browser.type(browser.wait_for("input[name=username]"), "admin")
    browser.type(browser.wait_for("input[name=password]"), nights.airflow.password)
    browser.click(browser.wait_for("button[type=submit]"))


def trigger_learn(browser: Any, nights: Any) -> str:
    """Fill in the form of `learn` and send it; the run's address in the web UI."""
    browser.open(f"{nights.airflow.url}/dags/learn")
    browser.click(browser.wait_for("[data-testid=trigger-dag-button]", 60))
    reason = browser.wait_for("#element_reason")
    assert browser.find(f"input[name=element_model][value={MODEL}]")
    browser.clear(reason)
    browser.type(reason, REASON)
    browser.until(
        lambda: browser.script(
            "return document.querySelector('#element_reason').value === arguments[0]", REASON
        ),
        "the reason in the form",
    )
    browser.click(browser.wait_for("[data-testid=trigger-dag-submit]:enabled"))
    return str(
        browser.until(
            lambda: browser.address_shown if "/runs/" in browser.address_shown else None,
            "the run's page", 60,
        )
    )  # fmt: skip


def test_a_stranger_is_sent_to_the_login_and_from_there_to_the_page(
    nights: Any, browser: Any
) -> None:
    log_in(browser, nights, "/perennial/")
    browser.wait_for_text("What answers now", 60)
    assert browser.address_shown == f"{nights.airflow.url}/perennial/"
    assert version(nights) in browser.text()


def test_a_training_asked_for_by_the_form_goes_green_and_its_version_is_on_the_page(
    nights: Any, browser: Any
) -> None:
    before = version(nights)
    nights.declare(train={"stopping": STRONG})
    browser.size(*WIDE)
    log_in(browser, nights, "/")
    browser.wait_for_text("Welcome", 60)
    with nights.traffic():
        run = trigger_learn(browser, nights)
        end = browser.until(lambda: ending(browser), "the end of the run", 600)
    assert end == "Success", nights.logs("learn")
    browser.open(run)  # its list of tasks lags behind its head
    browser.until(
        lambda: re.search(r"^promoted\s+Success", browser.text(), re.MULTILINE), "promoted in green"
    )
    browser.screenshot(SCREENSHOTS / "learn.png")
    after = version(nights)
    assert after != before
    page_in_airflow(browser, nights, after)
    text = browser.text()
    assert after in text.split("What answers now")[1].split("MLflow run")[0]
    assert "not found in the registry" not in text
    browser.into(None)
    browser.screenshot(SCREENSHOTS / "perennial.png")
    browser.size(*PHONE)
    page_in_airflow(browser, nights, after)
    assert browser.script(
        "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    browser.into(None)
    browser.screenshot(SCREENSHOTS / "perennial_phone.png")


def ending(browser: Any) -> str | None:
    """How the run ended, as the head of its page tells it below its name."""
    found = re.search(r"manual__\S+\n(Success|Failed)\n", browser.text())
    return found[1] if found else None


def page_in_airflow(browser: Any, nights: Any, shown: str) -> None:
    """Go to the page by Airflow's navigation, and look into its frame."""
    browser.open(f"{nights.airflow.url}/")
    entry = browser.until(lambda: browser.find("a[href$='/plugin/perennial']"), "the entry", 60)
    browser.click(entry)
    browser.into(browser.wait_for("iframe", 60))
    browser.wait_for_text(shown, 60)
