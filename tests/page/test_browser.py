"""The page in a real browser: on a desk and on a phone, by day and by night."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from perennial.declare.project import Project
from perennial_airflow.page.app import make_app

from . import seeds

pytestmark = pytest.mark.browser

FRAME = '<!doctype html><html class="{}"><iframe src="/perennial/" style="width:100%;height:90vh">'
WIDE, PHONE = (1280, 900), (390, 844)


@contextlib.contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of an application on a free port."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    started = threading.Event()
    startup = server.startup

    async def starting(sockets: Any = None) -> None:
        await startup(sockets)
        started.set()

    server.startup = starting  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(30)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def address(project: Project) -> Iterator[str]:
    """The page as Airflow mounts it, and pages that frame it as Airflow does."""
    page = make_app(
        lambda: Project(project.root, project.settings), lambda: None, lambda back_to: back_to
    )
    outer = FastAPI()
    outer.mount("/perennial", page)
    for theme in ("dark", "light"):
        outer.add_api_route(f"/{theme}", lambda theme=theme: _html(FRAME.format(theme)))
    with serving(outer) as found:
        yield found


def _html(text: str) -> Any:
    from fastapi.responses import HTMLResponse

    return HTMLResponse(text)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen_and_words_are_large_enough(
    browser: Any, address: str, size: tuple[int, int], scheme: str
) -> None:
    browser.size(*size)
    browser.colours(scheme)
    browser.open(f"{address}/perennial/")
    browser.wait_for_text("What answers now")
    assert browser.script("return document.documentElement.scrollWidth") <= size[0]
    browser.script("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert browser.script("return document.documentElement.scrollWidth") <= size[0]
    small = browser.script(SMALL)
    assert small == []
    is_dark = browser.script(
        "return getComputedStyle(document.body).backgroundColor === 'rgb(17, 21, 26)'"
    )
    assert is_dark == (scheme == "dark")


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["desk", "phone"])
def test_a_release_s_page_fits_the_screen_and_its_labels_overlap_nowhere(
    browser: Any, address: str, size: tuple[int, int]
) -> None:
    browser.size(*size)
    browser.open(f"{address}/perennial/models/{seeds.MODEL}/releases/2")
    browser.wait_for_text("What changed, and why")
    assert browser.script("return document.documentElement.scrollWidth") <= size[0]
    assert browser.script(SMALL) == []
    assert browser.script(TOUCHING) == []


TOUCHING = """
const touching = [];
for (const row of document.querySelectorAll('.xs, .ys, .ns, .heads')) {
  const boxes = [...row.querySelectorAll('span')].filter((each) => each.checkVisibility())
    .map((each) => [each.textContent, each.getBoundingClientRect()]);
  boxes.forEach(([one, a], place) => boxes.slice(place + 1).forEach(([other, b]) => {
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (across > 1 && down > 1)
      touching.push(one + ' / ' + other);
  }));
}
return touching;
"""

SMALL = """
return [...document.querySelectorAll('main *')]
  .filter((each) => each.childNodes.length && [...each.childNodes].some(
    (inner) => inner.nodeType === 3 && inner.textContent.trim()))
  .filter((each) => each.checkVisibility() && !each.closest('.spoken, title, figure'))
  .filter((each) => parseFloat(getComputedStyle(each).fontSize) < 10)
  .map((each) => each.textContent.trim()).slice(0, 5)
"""


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_inside_airflow_it_follows_airflow_s_choice_of_colours(
    browser: Any, address: str, theme: str
) -> None:
    browser.colours("light" if theme == "dark" else "dark")
    browser.open(f"{address}/{theme}")
    browser.into(browser.wait_for("iframe"))
    browser.wait_for_text("What answers now")
    assert browser.script("return document.documentElement.dataset.theme") == theme
    dark = browser.script("return getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(17, 21, 26)") == (theme == "dark")


def test_nothing_is_refused_by_the_page_s_own_policy_and_nothing_fails(
    browser: Any, address: str
) -> None:
    browser.open(f"{address}/perennial/")
    browser.wait_for_text("What answers now")
    messages = [each["message"] for each in browser.log() if "favicon.ico" not in each["message"]]
    assert messages == []


def test_reasons_open_at_a_click_and_links_stay_within_the_frame(
    browser: Any, address: str
) -> None:
    browser.size(*WIDE)
    browser.open(f"{address}/light")
    browser.into(browser.wait_for("iframe"))
    browser.wait_for_text("Decisions")
    assert "2 of 8 trainings" in browser.text()
    browser.click(browser.find("#live a"))
    browser.wait_for_text(f"{seeds.MODEL} {seeds.OLD}")
    browser.into(None)
    assert browser.find("iframe")
