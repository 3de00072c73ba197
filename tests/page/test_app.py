"""The routes: who may see them, what they send, and that nothing leads out of their folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from perennial.declare.project import Project
from perennial.keep import files
from perennial.keep.ledger import bento_folder
from perennial_airflow.page.app import ROUTES

from . import seeds
from .conftest import Get, asking

PATHS = {
    "/": "/",
    "/models/{name}": "/models/ripeness",
    "/models/{name}/versions/{version}/card": f"/models/ripeness/versions/{seeds.OLD}/card",
    "/models/{name}/nights/{at}": "/models/ripeness/nights/2024-02-02",
    "/models/{name}/releases/{number}": "/models/ripeness/releases/2",
    "/data_docs/{path:path}": "/data_docs/index.html",
}


def test_every_route_is_asked_here() -> None:
    assert list(PATHS) == list(ROUTES)


@pytest.mark.faults
@pytest.mark.parametrize("path", PATHS.values())
def test_a_route_refuses_strangers_and_sends_their_browser_to_the_login(
    project: Project, path: str
) -> None:
    get = asking(project, is_known=False)
    refused = get(path)
    assert refused.status_code == 401
    assert "ripeness" not in refused.text
    sent_on = get(path, accept="text/html,*/*")
    assert (sent_on.status_code, sent_on.headers["location"]) == (303, f"/login?next={path}")


def test_there_are_no_routes_but_those(get: Get) -> None:
    assert {get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")} == {404}


@pytest.mark.parametrize("path", PATHS.values())
def test_an_answer_keeps_the_browser_from_anything_foreign(get: Get, path: str) -> None:
    answer = get(path)
    assert answer.status_code == 200
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "script-src 'unsafe-inline'" not in policy


@pytest.mark.parametrize(
    "name",
    ["../check/raw.json", "..%2fcheck%2fraw.json", "%2e%2e/%2e%2e/state/perennial.db",
     "..%5c..%5cstate%5cperennial.db", "raw/../../watch/ripeness/2024-02-02.html",
     "/etc/passwd", "%00", "link.html", "folder/passwords.html", "data.json", ""],
)  # fmt: skip
def test_data_docs_lead_to_nothing_but_pages_below_their_folder(
    project: Project, get: Get, name: str
) -> None:
    docs = project.var / "reports" / "data_docs"
    outside = project.var / "outside"
    files.replace_text(outside / "passwords.html", "secret")
    files.replace_text(docs / "data.json", "{}")
    (docs / "link.html").symlink_to(outside / "passwords.html")
    (docs / "folder").symlink_to(outside)
    answer = get(f"/data_docs/{name}")
    assert answer.status_code == 404
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/models/sourness", "/models/..%2f..", "/models/ripeness/nights/2023-01-01",
     "/models/ripeness/nights/yesterday", "/models/ripeness/nights/..%2f..%2fcheck%2fraw",
     "/models/ripeness/versions/none/card", "/models/ripeness/versions/..%2f../card",
     "/models/sourness/nights/2024-02-02"],
)  # fmt: skip
def test_what_is_not_there_is_said_so_with_a_way_back(get: Get, path: str) -> None:
    answer = get(path)
    assert answer.status_code == 404
    assert "Not Found" in answer.text or 'href="/"' in answer.text


def test_a_night_s_report_and_data_docs_are_sent_as_they_were_written(get: Get) -> None:
    assert get("/models/ripeness/nights/2024-02-02").text == "<h1>Night 2024-02-02</h1>"
    assert get("/data_docs/index.html").text == "<h1>Data Docs</h1>"


def test_a_model_card_is_html_in_which_its_own_html_is_text(get: Get, project: Project) -> None:
    card = bento_folder(project, "ripeness", seeds.OLD) / "src" / "MODEL_CARD.md"
    files.replace_text(card, "# A <script>x</script>\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n")
    text = get(f"/models/ripeness/versions/{seeds.OLD}/card").text
    assert "<h1>A &lt;script&gt;x&lt;/script&gt;</h1>" in text
    assert "<td>1</td>" in text


ALONE = """
import asyncio, json, sys, httpx
from airflow.api_fastapi.app import create_auth_manager
create_auth_manager()
from perennial_airflow.plugin import PageOnFirstUse, PerennialPlugin
async def ask(path, **headers):
    transport = httpx.ASGITransport(app=PageOnFirstUse())
    async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
        answer = await client.get(path, headers=headers)
        return answer.status_code, answer.headers.get("location"), "ripeness" in answer.text
forged = {"cookie": "_token=abc"}, {"authorization": "Bearer abc"}
print(json.dumps({
    "views": PerennialPlugin.external_views,
    "answers": [
        asyncio.run(ask(path, **headers))
        for path in json.loads(sys.argv[1])
        for headers in ({}, {"accept": "text/html"}, *forged)
    ],
}))
"""


@pytest.mark.slow
def test_airflow_s_own_login_stands_before_every_route(project: Project, tmp_path: Path) -> None:
    environment = {
        **os.environ, "AIRFLOW_HOME": str(tmp_path / "airflow"), "PYTHONWARNINGS": "ignore",
        "PERENNIAL_PROJECT": str(project.root), "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    }  # fmt: skip
    files.replace_text(project.root / "data" / "__sources.yml", "sources: []\n")
    done = subprocess.run(
        [sys.executable, "-c", ALONE, json.dumps(list(PATHS.values()))],
        env=environment, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    (view,) = told["views"]
    assert (view["name"], view["href"], view["destination"]) == ("Perennial", "/perennial/", "nav")
    for nobody, browser, cookie, bearer in zip(*[iter(told["answers"])] * 4, strict=True):
        assert nobody[0] == 401
        assert browser[0] == 303
        assert browser[1].startswith("/auth/login?next=")
        assert cookie[0] in (401, 403)
        assert bearer[0] in (401, 403)
        assert not any(each[2] for each in (nobody, browser, cookie, bearer))
