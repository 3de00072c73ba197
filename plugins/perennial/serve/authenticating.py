"""The door of the gateway: who asks, whether they may, how often. What is not known stays out.

Pure ASGI on the scope, since every request comes through: one look-up and one hash with keys.
"""

from __future__ import annotations

import ipaddress
import math
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perennial.declare.gateway import GATEWAY
from perennial.declare.project import Project
from perennial.errors import DeclarationError
from perennial.keep.journal import Journal
from perennial.keep.ledger import Ledger
from perennial.keep.scopes import PUBLIC, needed
from perennial.serve.denials import Denials
from perennial.serve.keyring import Keyring
from perennial.serve.rate_limits import TokenBuckets
from perennial.serve.refusals import RefusedError, refusal
from perennial.serve.turned_away import TurnedAway

CALLER = "perennial.caller"
"""Where the scope of an admitted request names its caller: a key's id, or `local`."""
LOCAL = "local"
MOST_HEADER_BYTES = 200
SAFE = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="perennial"'}


def access_of(project: Project) -> Literal["keys", "local"]:
    """Whether keys are asked for: by declaration, or more strictly by this machine's settings."""
    return project.settings.gateway_access or project.gateway.access


def must_be_safe(project: Project) -> None:
    """Raises `DeclarationError` when the gateway would answer other machines without keys."""
    host = project.settings.host
    if access_of(project) == "local" and not _is_loopback(host):
        raise DeclarationError(
            [
                f"PERENNIAL_HOST is {host}, which other machines reach, but {GATEWAY} declares "
                "access: local, which asks nobody for a key; declare access: keys there (or set "
                "PERENNIAL_GATEWAY_ACCESS=keys here), or listen on 127.0.0.1"
            ]
        )


class Guard:
    """What all requests share: the keys, the rates, and the records of who was turned away."""

    def __init__(self, project: Project, ledger: Ledger, journal: Journal) -> None:
        must_be_safe(project)
        rate = project.gateway.rate
        self.keys = Keyring(ledger) if access_of(project) == "keys" else None
        self.rates = TokenBuckets(rate) if rate else None
        self.denials = Denials(ledger)
        self.turned_away = TurnedAway(journal)

    async def admit(self, scope: Scope) -> str:
        """Who asks. Raises `RefusedError` for whom the path is closed, or who asks too often."""
        path: str = scope["path"]
        if path in PUBLIC:
            return LOCAL
        try:
            caller = self._local(scope) if self.keys is None else await self._by_key(scope, path)
            if self.rates is not None and (wait_seconds := self.rates.take(caller)):
                raise RefusedError(
                    429, "too_often", "too many requests", None, max(1, math.ceil(wait_seconds))
                )
        except RefusedError as error:
            self._put_on_record(scope, path, error)
            raise
        return caller if self.keys is not None else LOCAL

    async def close(self) -> None:
        """Write down what is not yet."""
        self.turned_away.write()
        await self.denials.close()
        if self.keys is not None:
            await self.keys.close()

    def _put_on_record(self, scope: Scope, path: str, error: RefusedError) -> None:
        key = None if self.keys is None else self.keys.claimed(_token(scope))
        self.turned_away.tell(error, path, key)
        if path.startswith("/admin") and error.status in (401, 403):
            who = f"key {key}" if error.status == 403 and key else "nobody"
            self.denials.tell(who, _address(scope), path, error.status)

    async def _by_key(self, scope: Scope, path: str) -> str:
        assert self.keys is not None
        if self.keys.is_old:
            await self.keys.refresh()
        key = self.keys.owner(_token(scope))
        if key is None:
            raise RefusedError(401, "unauthenticated", "a valid API key is needed")
        scopes = needed(path)
        if scopes is None:
            raise RefusedError(404, "unknown_path", "there is nothing here")
        if not key.scopes & scopes:
            wanted = " or ".join(sorted(scopes))
            raise RefusedError(403, "forbidden", f"the key's scopes do not include {wanted}")
        return key.id

    def _local(self, scope: Scope) -> str:
        """The client's address; nobody from elsewhere, and no page of another site in a browser."""
        address, site = _address(scope), _header(scope, b"origin")
        if address and not _is_loopback(address):
            raise RefusedError(403, "forbidden", "without keys, only this machine is answered")
        if site is not None and not _is_loopback(_host_of(site)):
            raise RefusedError(403, "forbidden", "a page of another site may not ask")
        return address or LOCAL


class Doorkeeper:
    """ASGI middleware: admits by its guard; answers of every kind get headers that keep them safe.

    A request that another doorkeeper has admitted passes. Nobody gets in by WebSocket.
    """

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self.app, self.guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its caller, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
        elif scope["type"] != "http" or CALLER in scope:
            await self.app(scope, receive, send)
        else:
            send = safely(send)
            try:
                scope[CALLER] = await self.guard.admit(scope)
            except RefusedError as error:
                headers = CHALLENGE if error.status == 401 else None
                await refusal(error, headers)(scope, receive, send)
            else:
                await self.app(scope, receive, send)


def safely(send: Send) -> Send:
    """`send`, with headers by which nobody guesses a type or keeps an answer."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = [each for each in message.get("headers", ()) if each[0].lower() != b"server"]
            message["headers"] = [*given, *SAFE]
        await send(message)

    return sent


def _token(scope: Scope) -> bytes:
    """The token that a request shows; empty when it shows none, or more than one."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(given) != 1 or len(given[0]) > MOST_HEADER_BYTES:
        return b""
    kind, _, token = given[0].partition(b" ")
    found: bytes = token.strip() if kind.lower() == b"bearer" else b""
    return found


def _header(scope: Scope, wanted: bytes) -> str | None:
    for name, value in scope["headers"]:
        if name == wanted:
            return str(value.decode("latin-1"))
    return None


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _host_of(site: str) -> str:
    try:
        return urlsplit(site).hostname or ""
    except ValueError:
        return ""


@lru_cache(maxsize=1024)
def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
