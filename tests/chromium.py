"""A browser without a window, driven by the W3C WebDriver protocol over plain HTTP.

The protocol is JSON over HTTP, and this needs eight commands of it; a client library would bring
a dozen packages and a program that fetches browsers from the internet.
https://www.w3.org/TR/webdriver2/
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

Found = TypeVar("Found")

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's own name of a reference
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-sync", "--disable-component-update",
    "--disable-default-apps", "--hide-scrollbars", "--lang=en-US",
)  # fmt: skip
POLL_SECONDS = 0.1


def missing() -> str | None:
    """Which of Debian's packages is not installed; None when a browser can be opened."""
    programs = {"chromium": "chromium", "chromedriver": "chromium-driver"}
    lacking = [package for program, package in programs.items() if not shutil.which(program)]
    return f"needs Debian's {' and '.join(lacking)} (apt-get install)" if lacking else None


class WebDriverError(Exception):
    """The browser could not do what was asked, in its own words."""


class Browser:
    """One window of one browser with a profile of its own."""

    def __init__(self, port: int, profile: Path) -> None:
        self.address = f"http://127.0.0.1:{port}"
        options = {
            "binary": shutil.which("chromium"),
            "args": [*OPTIONS, f"--user-data-dir={profile}"],
        }
        wanted = {
            "capabilities": {
                "alwaysMatch": {
                    "goog:chromeOptions": options,
                    "goog:loggingPrefs": {"browser": "ALL"},
                }
            }
        }
        self.session = f"/session/{self._send('POST', '/session', wanted)['sessionId']}"

    def open(self, address: str) -> None:
        """Load a page and wait for it."""
        self._do("url", url=address)

    @property
    def address_shown(self) -> str:
        """The address of the window's page."""
        return str(self._send("GET", f"{self.session}/url"))

    def script(self, code: str, *arguments: Any) -> Any:
        """What a function body returns in the page, or in the frame that is looked at."""
        return self._do("execute/sync", script=code, args=list(arguments))

    def find(self, css: str) -> str | None:
        """The first element that fits, as a reference; None when none does."""
        found = self._do("elements", using="css selector", value=css)
        return str(found[0][ELEMENT]) if found else None

    def wait_for(self, css: str, seconds: float = 30) -> str:
        """The first element that fits, as soon as there is one."""
        return self.until(lambda: self.find(css), f"an element {css!r}", seconds)

    def wait_for_text(self, text: str, seconds: float = 30) -> None:
        """Return as soon as the page, or the frame, shows a text."""
        self.until(lambda: text in self.text() or None, f"the text {text!r}", seconds)

    def until(self, look: Callable[[], Found | None], what: str, seconds: float = 30) -> Found:
        """What `look` finds, as soon as it finds something; it is asked again until then."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = look()
            except WebDriverError as error:  # the page is being exchanged: look again
                found, why = None, str(error)
            else:
                why = self.text()[:2000]
            if found is not None and found is not False:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"no {what} within {seconds:g} s; there is:\n{why}")
            time.sleep(POLL_SECONDS)

    def click(self, element: str) -> None:
        """Click in the middle of an element."""
        self._do(f"element/{element}/click")

    def clear(self, element: str) -> None:
        """Empty a field."""
        self._do(f"element/{element}/clear")

    def type(self, element: str, text: str) -> None:
        """Type into an element."""
        self._do(f"element/{element}/value", text=text)

    def text(self) -> str:
        """What a reader of the page, or of the frame, sees."""
        return str(self.script("return document.body ? document.body.innerText : ''"))

    def into(self, frame: str | None) -> None:
        """Look into a frame from now on; None is the window's own page."""
        self._do("frame", id=None if frame is None else {ELEMENT: frame})

    def size(self, width: int, height: int) -> None:
        """Let the page have so many pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.devtools("Emulation.setDeviceMetricsOverride", **metrics)

    def colours(self, scheme: str) -> None:
        """Let the system prefer `dark` or `light`."""
        preferred = [{"name": "prefers-color-scheme", "value": scheme}]
        self.devtools("Emulation.setEmulatedMedia", features=preferred)

    def devtools(self, command: str, **parameters: Any) -> Any:
        """A command of Chromium's own protocol."""
        return self._do("goog/cdp/execute", cmd=command, params=parameters)

    def log(self) -> list[dict[str, Any]]:
        """What the page and the browser have written to the console since last asked."""
        found: list[dict[str, Any]] = self._do("se/log", type="browser")
        return found

    def screenshot(self, path: Path) -> None:
        """Write what the window shows as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self._send("GET", f"{self.session}/screenshot")))

    def close(self) -> None:
        """End the browser."""
        self._send("DELETE", self.session)

    def _do(self, command: str, **content: Any) -> Any:
        return self._send("POST", f"{self.session}/{command}", content)

    def _send(self, method: str, path: str, content: Any = None) -> Any:
        body = None if content is None else json.dumps(content).encode()
        asked = urllib.request.Request(
            self.address + path, body, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                told = json.load(error)["value"]
            raise WebDriverError(f"{told['error']}: {told['message']}") from error


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with a fresh profile, ended whatever happens."""
    driver, port = _driver(folder)
    try:
        opened = Browser(port, folder / "profile")
        try:
            yield opened
        finally:
            opened.close()
    finally:
        driver.terminate()
        driver.wait(timeout=20)
        assert driver.stdout is not None
        driver.stdout.close()


def _driver(folder: Path, tries: int = 5) -> tuple[subprocess.Popen[str], int]:
    """A running driver and its port.

    It takes a free port for IPv4 and then wants the same one for IPv6; it ends when another
    process has that, so it is started again.
    """
    told = ""
    for _ in range(tries):
        driver = subprocess.Popen(
            ["chromedriver", "--port=0", f"--log-path={folder / 'chromedriver.log'}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert driver.stdout is not None
        for line in driver.stdout:
            told += line
            if found := re.search(r"started successfully on port (\d+)", line):
                return driver, int(found[1])
        driver.wait()
    raise AssertionError(f"chromedriver was started {tries} times and ended each time:\n{told}")
