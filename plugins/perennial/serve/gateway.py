"""The gateway: the one public endpoint of all declared models."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from perennial.declare.project import Project
from perennial.errors import DeclarationError
from perennial.keep.ledger import Ledger
from perennial.keep.watermark import Watermark, watermarks
from perennial.serve import administering
from perennial.serve.alerting import count_distrusted
from perennial.serve.asking import SlotClient
from perennial.serve.authenticating import CALLER, LOCAL, Doorkeeper, Guard
from perennial.serve.desk import PredictionDesk
from perennial.serve.feedback import FeedbackDesk
from perennial.serve.hot import Answer, Hot
from perennial.serve.journaling import Refusals, opened
from perennial.serve.limits import Limits
from perennial.serve.metrics import EVENTS_FRESH, EVENTS_LAST, SYNC_FAILURES
from perennial.serve.openapi import document
from perennial.serve.posting import EventDesk
from perennial.serve.refusals import RefusedError, http_refusal, refusal

METRICS_SECONDS = 1.0
ALERT_SECONDS = 10.0

Handler = Callable[[Request], Awaitable[Response]]


class Gateway:
    """Holds what requests share; `app()` is its ASGI application."""

    def __init__(self, project: Project) -> None:
        if not project.models:
            raise DeclarationError(["models/: no model is declared, so there is nothing to serve"])
        self.project = project
        self.client = SlotClient(project.settings)
        self._ledger = ledger = Ledger.of(project)
        self.predictions = opened(project, "predictions")
        self.guard = Guard(project, ledger, self.predictions)
        self.events = EventDesk(project)
        self.feedback = FeedbackDesk(project)
        self.desks = {
            name: PredictionDesk(project, model, ledger, self.client, self.predictions)
            for name, model in project.models.items()
        }
        self._refusals: list[Refusals] = []
        self._stop = threading.Event()

    async def is_ready(self) -> bool:
        """Whether at least one declared model has a slot that serves."""
        return any([await desk.router.route() for desk in self.desks.values()])

    def watch_events(self) -> None:
        """Keep the metrics of events and of refused versions up to date, until `close`.

        In a thread each: a ledger that hangs holds up no other metric.
        """
        for count in (self._count_events, self._count_distrusted):
            threading.Thread(target=count, daemon=True).start()

    def _count_distrusted(self) -> None:
        while True:
            count_distrusted(self.project, self._ledger)
            if self._stop.wait(ALERT_SECONDS):
                return

    def _count_events(self) -> None:
        while not self._stop.wait(METRICS_SECONDS):
            marks = watermarks(self.project)
            for name in self.events.sources:
                EVENTS_LAST.labels(name).set(self.events.last_seq(name))
                EVENTS_FRESH.labels(name).set(marks.get(name, Watermark()).fresh_seq)
            for journal in (self.predictions, self.feedback.journal):
                SYNC_FAILURES.labels(journal.folder.name).set(journal.sync.n_failed)

    def app(self) -> ASGIApp:
        """The ASGI application with all routes and limits."""
        routes = [
            Route("/predict", self._guarded(self._unnamed), methods=["POST"]),
            Route("/predict/{model}", self._guarded(self._unnamed), methods=["POST"]),
            Route("/explain", self._guarded(self._unnamed), methods=["POST"]),
            Route("/explain/{model}", self._guarded(self._unnamed), methods=["POST"]),
            Route("/rank", self._guarded(self._unnamed), methods=["POST"]),
            Route("/rank/{model}", self._guarded(self._unnamed), methods=["POST"]),
            Route("/feedback", self._guarded(self._take_feedback), methods=["POST"]),
            Route("/feedback/{model}", self._guarded(self._take_feedback), methods=["POST"]),
            Route("/events/{source}", self._guarded(self._post_events), methods=["POST"]),
            Route("/events/{source}", self._guarded(self._read_events), methods=["GET"]),
            Route("/openapi.json", self._openapi, methods=["GET"]),
            *administering.routes(self.project, Ledger.of(self.project)),
        ]
        inner = Starlette(routes=routes, exception_handlers={HTTPException: http_refusal})
        declared = self.project.gateway
        bounded = Limits(Hot(self._answers(), inner), declared.max_body_bytes, declared.max_depth)
        self._refusals.append(Refusals(bounded, self.predictions))
        return Doorkeeper(self._refusals[-1], self.guard)  # strangers must not fill the journal

    async def close(self) -> None:
        """Close connections and free the journals."""
        self._stop.set()
        for desk in self.desks.values():
            await desk.close()
        await self.client.close()
        await self.guard.close()
        for each in self._refusals:
            each.close()
        self.predictions.close()
        self.feedback.close()
        self.events.close()

    def _answers(self) -> dict[str, Answer]:
        """The hot paths: each model's, and those without a name where there is only one model."""
        names = [("/" + name, desk) for name, desk in self.desks.items()]
        if len(self.desks) == 1:
            names.append(("", next(iter(self.desks.values()))))
        answers: dict[str, Answer] = {
            f"/{verb}{name}": partial(_answer, desk, verb)
            for verb in ("predict", "explain")
            for name, desk in names
        }
        return answers | {f"/rank{name}": partial(_ranking, desk) for name, desk in names}

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except RefusedError as error:
                return refusal(error)

        return guarded

    def _desk(self, request: Request) -> PredictionDesk:
        name = request.path_params.get("model")
        if name is None and len(self.desks) == 1:
            return next(iter(self.desks.values()))
        if name not in self.desks:
            found = "name the model in the path" if name is None else f"no model {name[:100]!r}"
            declared = ", ".join(sorted(self.desks))
            raise RefusedError(404, "unknown_model", f"{found} (declared: {declared})")
        return self.desks[name]

    async def _unnamed(self, request: Request) -> Response:
        """What `_answers` leaves over: a question to no model, or to one that is not there."""
        self._desk(request)
        raise RefusedError(404, "unknown_path", "there is nothing here")  # pragma: no cover

    async def _take_feedback(self, request: Request) -> Response:
        model, caller = self._desk(request).model, request.scope.get(CALLER, LOCAL)
        return _json(await self.feedback.post(model, await request.body(), caller))

    async def _post_events(self, request: Request) -> Response:
        body = await request.body()
        return _json(self.events.post(request.path_params["source"], body))

    async def _read_events(self, request: Request) -> Response:
        source = request.path_params["source"]
        last = self.events.last_seq(source)
        fresh = watermarks(self.project).get(source, Watermark()).fresh_seq
        return _json({"seq": last, "fresh_seq": fresh})

    async def _openapi(self, _: Request) -> Response:
        forms = {name: desk.parser.form for name, desk in self.desks.items()}
        labels = {name: self.feedback.form(desk.model) for name, desk in self.desks.items()}
        events = {name: inbox.form for name, inbox in self.events.sources.items()}
        return _json(document(forms, labels, events))


async def _answer(desk: PredictionDesk, verb: str, body: bytes) -> bytes:
    return orjson.dumps(await desk.answer(body, verb), option=orjson.OPT_UTC_Z)


async def _ranking(desk: PredictionDesk, body: bytes) -> bytes:
    return orjson.dumps(await desk.rank(body), option=orjson.OPT_UTC_Z)


def _json(content: Any) -> Response:
    return Response(orjson.dumps(content, option=orjson.OPT_UTC_Z), media_type="application/json")
