"""Talks to the gateway as any client does: HTTP and JSON."""

from __future__ import annotations

import http.client
import time
from typing import Any

import orjson

from perennial.declare.project import Project
from perennial.errors import UnavailableError

FRESH_SECONDS = 30.0


class GatewayClient:
    """One kept-alive connection to the project's gateway."""

    def __init__(self, project: Project) -> None:
        self._address = (project.settings.host, project.settings.gateway_port)
        self._connection = http.client.HTTPConnection(*self._address, timeout=30)
        token = project.settings.api_key
        self._shown = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}

    def post(self, path: str, body: Any) -> Any:
        """The gateway's answer; `UnavailableError` for anything but 200."""
        content = orjson.dumps(body, option=orjson.OPT_UTC_Z)
        return self._ask("POST", path, content)

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
