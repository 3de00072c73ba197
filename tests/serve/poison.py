"""Bodies that are wrong in every way that JSON, its numbers, texts and bytes can be."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from .conftest import MODEL, QUESTION, SALE

PLACES = ["/predict", f"/predict/{MODEL}", "/explain", "/feedback", "/events/sales"]
GOOD = {"/feedback": {"prediction_id": "0" * 32, "label": 1}, "/events/sales": SALE}

NUMBERS = st.one_of(
    st.integers(), st.integers(-(2**70), 2**70), st.floats(),
    st.sampled_from([2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**400, -0.0, math.inf, math.nan]),
)  # fmt: skip
TEXTS = st.one_of(
    st.text(st.characters(codec=None), max_size=30),  # half surrogates, too
    st.sampled_from(["\x00", "\ud800", "\u202e", "north\n", "1e5", "true", "null", "' OR 1=1 --",
                     "${jndi:ldap://127.0.0.1/x}", "../../etc/passwd", "2024-05-03T13:00:00Z"]),
)  # fmt: skip
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    LEAVES,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXTS, below, max_size=4),
    max_leaves=8,
)


@dataclass(frozen=True)
class Poison:
    """Where to, and five bodies: a row that is mostly poisoned, and what is made of it."""

    place: str
    bodies: tuple[bytes, ...]


def written(content: Any) -> bytes:
    """JSON as Python writes it: with NaN, Infinity, huge numbers and half surrogates."""
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")


@st.composite
def poisons(draw: st.DrawFn) -> Poison:
    """The right row with up to two things wrong, in a batch, cut, overwritten; and any bytes."""
    place = draw(st.sampled_from(PLACES))
    good = GOOD.get(place, QUESTION)
    row: dict[Any, Any] = dict(good)
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from([*good, "extra"]) | TEXTS)
        row[name] = draw(VALUES)
    body = written(row)
    at, more = draw(st.integers(0, len(body) - 1)), draw(st.binary(max_size=3))
    deep = b"[" * draw(st.sampled_from([1, 2, 63, 3000]))
    return Poison(
        place,
        (
            body,
            written(
                draw(st.sampled_from([[good, row], {"columns": row}, [[row]], row.get("extra")]))
            ),
            body[:at] + more + body[at + 1 :],
            draw(st.sampled_from([body[:at], deep + body, b'{"x":' * len(deep) + body])),
            more + draw(st.binary(max_size=80)),
        ),
    )


def must_be_plain(answers: Iterable[Any]) -> None:
    """Nothing was journaled as a feature but finite numbers, texts and nothing."""
    for entry in answers:
        for value in entry.content["features"].values():
            assert value is None or isinstance(value, str | int | float | bool)
            assert not isinstance(value, float) or math.isfinite(value)


def urls_to(port: int) -> list[str]:
    """Addresses of this machine's `port` in many spellings, and of a cloud's metadata."""
    return [
        *(
            f"{scheme}://{host}:{port}/x"
            for scheme in ("http", "https", "ftp", "file", "gopher", "s3")
            for host in ("127.0.0.1", "localhost", "[::1]", "0x7f000001", "2130706433", "127.1")
        ),
        "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/", "//127.0.0.1/x",
    ]  # fmt: skip
