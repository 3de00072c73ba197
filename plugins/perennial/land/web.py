"""Rows from an HTTP address: bounded in time and in tries, whole or not at all."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from perennial.declare.sources import SOURCES
from perennial.errors import DeclarationError, UnavailableError
from perennial.land.delivery import Delivery, digested
from perennial.land.environment import expand, hidden
from perennial.land.unpacking import unpack

TRIES = 3
PAUSE_SECONDS = 0.5
SILENCE_SECONDS = 30.0  # without a byte
TOTAL_SECONDS = 600.0  # for one try
BLOCK = 1 << 16


class _TryAgainError(Exception):
    """This try failed in a way that the next one may not."""


def download(source: str, declared: str, folder: Path) -> Delivery:
    """What the address answers with status 200, written to `folder`.

    Connection errors, time-outs, short answers and statuses 429 and 5xx are tried again, at most
    `TRIES` times in all. Raises `UnavailableError` with the status or the reason.
    """
    address = expand(declared, source)
    if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
        raise DeclarationError(
            [f"{SOURCES}: {source}.land.from.url must begin with http:// or https://, "
             f"got {hidden(declared, declared)!r}"]
        )  # fmt: skip
    name = hidden(declared, declared)
    target = folder / "answer"
    for attempt in range(1, TRIES + 1):
        try:
            delivered = digested(_blocks(address), name, target)
        except _TryAgainError as failure:
            if attempt == TRIES:
                raise UnavailableError(
                    hidden(f"{source}: {name}: {failure} (tried {TRIES} times)", declared)
                ) from None
            time.sleep(PAUSE_SECONDS * attempt)
        except urllib.error.HTTPError as error:
            raise UnavailableError(
                f"{source}: {name} answered with status {error.code}, accepted is 200"
            ) from None
        else:
            return Delivery(unpack(target, name, folder / "unpacked"), [delivered])
    raise AssertionError("unreachable: every try returns or raises")


def _blocks(address: str) -> Iterator[bytes]:
    deadline = time.monotonic() + TOTAL_SECONDS
    request = urllib.request.Request(address, headers={"User-Agent": "perennial"})  # noqa: S310 checked: http(s)
    try:
        with urllib.request.urlopen(request, timeout=SILENCE_SECONDS) as answer:  # noqa: S310
            if answer.status != 200:
                raise urllib.error.HTTPError(address, answer.status, "", answer.headers, None)
            while block := answer.read(BLOCK):
                if time.monotonic() > deadline:
                    raise _TryAgainError(f"not done after {TOTAL_SECONDS:g} s")
                yield block
            if answer.length:  # the server promised more
                raise _TryAgainError(f"the answer ended {answer.length} bytes early")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 429 or error.code >= 500:
            raise _TryAgainError(f"answered with status {error.code}, accepted is 200") from error
        raise
    except (OSError, http.client.HTTPException) as error:
        raise _TryAgainError(f"does not answer ({error or type(error).__name__})") from error
