"""The predictor: one model version, answering for columns of features on its slot."""

from __future__ import annotations

import asyncio
import gc
import json
from pathlib import Path
from typing import Any

import orjson
import psutil
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from perennial.errors import ContractBrokenError, IntegrityError
from perennial.learn.contract import Explanation
from perennial.learn.loading import FEATURES, parse_model
from perennial.learn.version_files import read
from perennial.serve.hot import Hot, wrong_method
from perennial.serve.limits import Limits
from perennial.serve.proof import prove, read_reference
from perennial.serve.refusals import RefusedError, http_refusal

MAX_BODY_BYTES = 16_000_000  # the gateway bounds what comes from outside; features are wider


class Predictor:
    """Loads a packaged version and proves it before it answers anything.

    `folder` holds `model/` (verified before it is parsed) and `reference.json`. Raises
    `IntegrityError` when bytes or answers are not those that were packaged.
    """

    def __init__(self, folder: Path) -> None:
        version = read(folder / "model")
        self.version = version.version
        self.learner = parse_model(version)
        self._known = _vocabularies(version.files[FEATURES])
        reference = read_reference(folder / "reference.json")
        try:
            answered = self.learner.predict(reference.columns).tolist()
        except ContractBrokenError as error:
            raise IntegrityError(f"the reference rows are not the model's: {error}") from error
        self.largest_difference = prove(reference, answered)
        self.is_proven = True
        gc.collect()
        gc.freeze()  # what is loaded stays: the collector need not look at it again

    def app(self) -> ASGIApp:
        """The ASGI application: /predict, /explain, /version."""
        routes = [
            Route("/predict", wrong_method, methods=["POST"]),  # answered before it comes here
            Route("/explain", wrong_method, methods=["POST"]),
            Route("/version", self._version, methods=["GET"]),
        ]
        inner = Starlette(routes=routes, exception_handlers={HTTPException: http_refusal})
        answers = {"/predict": self._predict, "/explain": self._explain}
        return Limits(Hot(answers, inner), MAX_BODY_BYTES)

    async def _predict(self, body: bytes) -> bytes:
        try:
            return orjson.dumps(self._scored(_columns(body)))
        except ContractBrokenError as error:
            raise _refused(error) from error

    async def _explain(self, body: bytes) -> bytes:
        try:
            columns = _columns(body)
            # slow for many rows, and predictions must not wait for it
            explained = await asyncio.to_thread(self.learner.explain, columns)
            reasons = [_reasons(explained, columns, row) for row in range(len(explained.base))]
            return orjson.dumps(
                {**self._scored(columns), "base": float(explained.base[0]), "reasons": reasons}
            )
        except ContractBrokenError as error:
            raise _refused(error) from error

    async def _version(self, _: Request) -> Response:
        memory_mb = psutil.Process().memory_info().rss / 1e6
        known = {"version": self.version, "largest_difference": self.largest_difference}
        return _json({**known, "memory_mb": memory_mb})

    def _scored(self, columns: dict[str, list[Any]]) -> dict[str, Any]:
        scores = self.learner.predict(columns).tolist()
        return {"version": self.version, "scores": scores, "unknown": self._unknown(columns)}

    def _unknown(self, columns: dict[str, list[Any]]) -> list[list[dict[str, Any]]]:
        """Per row the categories that were not there when the model learned."""
        n = len(next(iter(columns.values())))
        unknown: list[list[dict[str, Any]]] = [[] for _ in range(n)]
        for name, known in self._known.items():
            for row, value in enumerate(columns[name]):
                if value is not None and value not in known:
                    unknown[row].append({"field": name, "value": value})
        return unknown


def _vocabularies(features: bytes) -> dict[str, frozenset[str]]:
    about = json.loads(features)["features"]
    return {
        each["name"]: frozenset(each["vocabulary"]) for each in about if each["kind"] == "category"
    }


def _columns(body: bytes) -> dict[str, list[Any]]:
    try:
        columns = orjson.loads(body)["columns"]
        lengths = {len(values) for values in columns.values()}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise RefusedError(
            422, "invalid", 'the body must be {"columns": {name: [values]}}'
        ) from error
    if not all(_is_column(values) for values in columns.values()):
        raise RefusedError(422, "invalid", "a column holds numbers, texts, true, false and null")
    if len(lengths) != 1 or lengths == {0}:
        raise RefusedError(422, "invalid", "the columns must have one length of at least 1")
    return dict(columns)


def _is_column(values: Any) -> bool:
    return isinstance(values, list) and not any(isinstance(each, list | dict) for each in values)


def _reasons(explained: Explanation, columns: dict[str, list[Any]], row: int) -> list[Any]:
    parts = zip(explained.features, explained.contributions[row].tolist(), strict=True)
    ranked = sorted(parts, key=lambda part: -abs(part[1]))
    return [
        {"feature": name, "value": columns[name][row], "contribution": part}
        for name, part in ranked
    ]


def _refused(error: ContractBrokenError) -> RefusedError:
    return RefusedError(422, "invalid", str(error))


def _json(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
