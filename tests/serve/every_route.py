"""A program: asks every route of a BentoML service in process, once per given set of headers.

`python every_route.py <service folder>`, with `{name: [[header, value], …]}` as JSON on standard
input writes `{"routes": […], "answers": [[method, path, name, status, headers, body], …]}`. Routes
are those of BentoML and of everything mounted, found by walking, so that a new one is asked too.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import sys
from typing import Any

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")
SECONDS = 20
NOWHERE = ("/nowhere", "//predict", "/predict%2f..", "/PREDICT", "/.", "", "/metrics/", "/admin/x")


def routes_of(app: Any, prefix: str = "", depth: int = 10) -> list[str]:
    """The paths of an ASGI application, of what it wraps and of all that is mounted in it."""
    if not hasattr(app, "routes"):
        below = getattr(app, "__dict__", {}).values() if depth else []
        wrapped = [each for each in below if callable(each) and not isinstance(each, type)]
        return [path for each in wrapped for path in routes_of(each, prefix, depth - 1)]
    found = []
    for route in app.routes:
        path = prefix + getattr(route, "path", "").rstrip("/")
        if hasattr(route, "endpoint"):
            found.append(path or "/")
        else:
            found += routes_of(route.app, path, depth) or [f"{path}/x"]  # files, of any name
    return found


async def ask(app: Any, method: str, path: str, headers: list[list[str]]) -> list[Any]:
    """Status, headers and body."""
    came: list[dict[str, Any]] = []

    coming = [{"type": "http.request", "body": b"{}", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not coming:
            await asyncio.Event().wait()  # a client that stays until it is answered
        return coming.pop()

    async def send(message: dict[str, Any]) -> None:
        came.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": "",
        "client": ("127.0.0.1", 9), "server": ("127.0.0.1", 3000), "asgi": {"version": "3.0"},
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in
                    [["host", "x"], ["content-type", "application/json"], *headers]],
    }  # fmt: skip
    await asyncio.wait_for(app(scope, receive, send), SECONDS)
    told = {name.decode(): value.decode() for name, value in came[0]["headers"]}
    body = b"".join(each.get("body", b"") for each in came[1:])
    return [came[0]["status"], told, body.decode("utf-8", "replace")[:500]]


async def ask_all(app: Any, given: dict[str, list[list[str]]]) -> dict[str, Any]:
    """Every route, each method, each set of headers."""
    routes = routes_of(app)
    paths = [re.sub(r"\{[^}]*\}", "sells_out", each) for each in routes]
    async with app.router.lifespan_context(app):
        answers = [
            [method, path, name, *await ask(app, method, path, headers)]
            for path in (*paths, *NOWHERE)
            for method in METHODS
            for name, headers in given.items()
        ]
    return {"routes": routes, "answers": answers}


def main() -> None:
    """Load the service as its server does, without a socket."""
    gc.disable()  # as the server's own worker does while it loads
    from _bentoml_impl.loader import load

    service = load(sys.argv[1], standalone_load=True)
    app = service.to_asgi(is_main=True)
    found = asyncio.run(ask_all(app, json.load(sys.stdin)))
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
