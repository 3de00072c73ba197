"""Talks to the gateway as any client does: HTTP and JSON."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from perennial.declare.project import Project
from perennial.errors import UnavailableError

FRESH_SECONDS = 30.0


class GatewayClient:
    """One kept-alive connection to the project's gateway."""

    def __init__(self, project: Project) -> None:
        self._declared = project.gateway
        self._address = (project.settings.host, project.settings.gateway_port)
        self._connection = http.client.HTTPConnection(*self._address, timeout=30)
        token = project.settings.api_key
        self._shown = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}

    def post(self, path: str, body: Any) -> Any:
        """The gateway's answer; `UnavailableError` for anything but 200."""
        content = orjson.dumps(body, option=orjson.OPT_UTC_Z)
        return self._ask("POST", path, content)

    def post_all(self, path: str, rows: Sequence[Any]) -> list[Any]:
        """The answers to rows in order, in requests within the bounds that the gateway declares.

        A row that is too long on its own is asked on its own, and refused by the gateway.
        """
        most = self._declared
        return [self.post(path, part) for part in parts(rows, most.max_rows, most.max_body_bytes)]

    def get(self, path: str) -> Any:
        """The gateway's answer to a GET; `UnavailableError` for anything but 200."""
        return self._ask("GET", path, None)

    def wait_until_fresh(self, source: str, seq: int) -> None:
        """Return once features know the source's event number `seq`."""
        deadline = time.monotonic() + FRESH_SECONDS
        while (fresh := self.get(f"/events/{source}")["fresh_seq"]) < seq:
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"event {seq} of {source} is not in the features after {FRESH_SECONDS:g} s "
                    f"(the freshener is at {fresh}); see var/logs/freshener.log"
                )
            time.sleep(0.005)

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        kind = {"Content-Type": "application/json"} if body is not None else {}
        headers = {**kind, **self._shown}
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            content = response.read()
        except (http.client.HTTPException, OSError) as error:
            self._connection.close()
            host, port = self._address
            raise UnavailableError(
                f"the gateway at {host}:{port} does not answer ({error}); `perennial up` starts it"
            ) from error
        if response.status != 200:
            raise UnavailableError(
                f"the gateway answered {response.status} to {method} {path}: "
                f"{content[:500].decode(errors='replace')}"
            )
        return orjson.loads(content)


def parts(rows: Sequence[Any], most_rows: int, most_bytes: int) -> Iterator[list[Any]]:
    """The rows in order, in lists of at most so many, whose JSON has at most so many bytes.

    >>> list(parts([1, 2, 3, "four", "five"], 2, 10))
    [[1, 2], [3, 'four'], ['five']]
    """
    part: list[Any] = []
    n_bytes = 2
    for row in rows:
        n_more = len(orjson.dumps(row, option=orjson.OPT_UTC_Z)) + 1
        if part and (len(part) == most_rows or n_bytes + n_more - 1 > most_bytes):
            yield part
            part, n_bytes = [], 2
        part.append(row)
        n_bytes += n_more
    if part:
        yield part
