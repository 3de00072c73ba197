"""The plugin that puts Perennial's page into Airflow's web UI, behind Airflow's login.

Airflow runs this file in every one of its processes, tasks included. So it imports nothing of
weight: the page itself is loaded by the first request, in the web server alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

PREFIX = "/perennial"


class PageOnFirstUse:
    """The page's application, made when it is first asked for."""

    @cached_property
    def app(self) -> Callable[..., Awaitable[None]]:
        """The FastAPI application behind Airflow's login; making it takes a second or two."""
        from perennial.declare.project import Project
        from perennial_airflow.page.app import make_app
        from perennial_airflow.page.guard import logged_in, login_address

        return make_app(Project.find, logged_in, login_address)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request; the others are not held up while the first one loads the page."""
        app = await asyncio.to_thread(lambda: self.app)
        await app(scope, receive, send)


class PerennialPlugin(AirflowPlugin):
    """The page, and its entry in the navigation."""

    name = "perennial"
    fastapi_apps = [{"app": PageOnFirstUse(), "url_prefix": PREFIX, "name": "Perennial"}]  # noqa: RUF012 - as Airflow declares it
    external_views = [  # noqa: RUF012
        {
            "name": "Perennial",
            "href": urlsplit(conf.get("api", "base_url", fallback="/")).path.rstrip("/")
            + PREFIX
            + "/",
            "destination": "nav",
            "url_route": "perennial",
            "nav_top_level": True,
        }
    ]
