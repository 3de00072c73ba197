"""What the gateway asks of its callers and promises them (`bentofiles/gateway.yaml`)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from perennial.declare.frozen import Frozen

GATEWAY = "bentofiles/gateway.yaml"


class Rate(Frozen):
    """A token bucket: bursts up to `burst`, and on average no more than `per_second`."""

    per_second: float = Field(gt=0, description="Requests per second, on average.")
    burst: int = Field(ge=1, description="Requests at once after a pause.")


class Gateway(Frozen):
    """The public endpoint. Everything has a default; the file may be left out."""

    access: Literal["keys", "local"] = Field(
        "keys",
        description="keys: every request carries an API key with the scope that it needs. local: "
        "without keys, for one's own machine; the gateway then only starts on a loopback address.",
    )
    rate: Rate | None = Field(
        None,
        description="Of each API key (with access local: of each client address); null: no limit.",
    )
    max_body_bytes: int = Field(
        1_000_000, ge=1_000, description="Longest body of a request; more is refused with 413."
    )
    max_depth: int = Field(
        16, ge=2, description="Deepest nesting of a JSON body; more is refused with 400."
    )
    max_rows: int = Field(
        1_000, ge=1, description="Most rows of one request, of questions, labels or events."
    )
    sync_ms: float = Field(
        50, ge=0, description="Journals are synced to the disk at least this often while they "
        "grow: a power failure loses no more. 0: before each answer. A kill loses nothing.",
    )  # fmt: skip
