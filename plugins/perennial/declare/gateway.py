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


class LabelShare(Frozen):
    """How much of a day's labels of a model one API key may give; what is above is set aside."""

    most: float = Field(
        gt=0, lt=1, description="Largest share of the labels of a model that came this UTC day."
    )
    minimum: int = Field(
        ge=0, description="So many labels of a model each key may give in a day in any case."
    )


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
    label_share: LabelShare | None = Field(
        None,
        description="Bounds how far one API key can steer releases by labels: beyond it they are "
        "kept and counted, and not used. null: no bound.",
    )
    sync_ms: float = Field(
        50, ge=0, description="Journals are synced to the disk at least this often while they "
        "grow: a power failure loses no more. 0: before each answer. A kill loses nothing.",
    )  # fmt: skip
    stall_ms: float = Field(
        5_000, gt=0, description="Once something accepted has waited for the disk longer than "
        "sync_ms and this together, nothing more is accepted (503) until it is there: also on a "
        "stuck disk a power failure loses no more. With sync_ms 0 each answer waits for the disk.",
    )  # fmt: skip
