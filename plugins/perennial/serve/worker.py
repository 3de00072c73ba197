"""The process of one BentoML service, with its ASGI application in front where requests are many.

    python -m perennial.serve.worker FOLDER SOCKET

It does what BentoML's own worker does, with three differences. POSTs go straight to the application
that the service mounts, not first through BentoML's tracing; what else is asked (/healthz, /readyz,
/metrics and so on) is BentoML's as ever. BentoML's metrics of requests are left out: they would
keep a label for every path that a stranger asks. And the garbage collector leaves
alone what is loaded, and looks less often, since its pauses are what makes the slowest answers.
While a service is loaded it does not look at all: hardly anything is garbage then, and looking took
a third of the gateway's start (3.2 s of work instead of 2.1).
"""

from __future__ import annotations

import gc
import socket
import sys
from importlib import import_module
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from perennial.serve.corking import CorkedProtocol
from perennial.serve.refusals import RefusedError, refusal

MOST_AT_ONCE = 512
"""Requests under way; more are told to come again, so that memory stays bounded."""
KEEP_ALIVE_SECONDS = 75
YOUNG_OBJECTS = 20_000
"""So many more than were freed until the collector looks at the young ones."""


class Front:
    """ASGI application: POSTs to `ours`, at most so many at once; all else to `theirs`."""

    def __init__(self, ours: ASGIApp, theirs: ASGIApp, most: int = MOST_AT_ONCE) -> None:
        self._ours, self._theirs = ours, theirs
        self._most, self._n = most, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or tell it to come again."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._theirs(scope, receive, send)
            return
        if self._n >= self._most:
            error = RefusedError(
                503, "overloaded", f"{self._most} requests are under way", retry_after_seconds=1
            )
            await refusal(error)(scope, receive, send)
            return
        self._n += 1
        try:
            await self._ours(scope, receive, send)
        finally:
            self._n -= 1


def application(folder: str) -> ASGIApp:
    """The service in `folder`, set up as BentoML's own worker does (1.4.39)."""
    import_module("bentoml._internal.log").configure_server_logging()
    server_context = import_module("bentoml._internal.context").server_context
    service: Any = import_module("_bentoml_impl.loader").load(folder, standalone_load=True)
    server_context.service_type = "entry_service"
    server_context.service_name = service.name
    server_context.service_routes = [each.route for each in service.apis.values()]
    bento = service.bento
    server_context.bento_name = bento.tag.name if bento else service.name
    server_context.bento_version = (bento and bento.tag.version) or "not available"
    theirs: Any = service.to_asgi(is_main=True)
    theirs.user_middleware = [
        each for each in theirs.user_middleware if "TrafficMetrics" not in each.cls.__name__
    ]  # which count each path that anybody thinks of, before the door, for ever
    ((ours, _, _),) = service.mount_apps
    return Front(ours, theirs)


def main(folder: str, descriptor: int) -> None:
    """Serve until told to stop."""
    gc.disable()
    config = uvicorn.Config(
        application(folder),
        loop="uvloop",
        http=CorkedProtocol,
        ws="none",
        log_config=None,
        access_log=False,  # the journal tells every answer
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        workers=1,
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 100)
    gc.enable()
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
