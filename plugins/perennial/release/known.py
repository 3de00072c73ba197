"""What a step of a release is decided on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from perennial.release.guardrails import Measurement


@dataclass(frozen=True)
class Known:
    """What a step is decided on."""

    now: datetime
    champion: str | None
    """The version that answers, as the route says."""
    is_proven: bool
    """Whether the new version is still proven on its slot."""
    is_ready: bool
    """Whether its server answers; only asked before it gets any traffic."""
    n: int
    """Questions that the new version was asked in this phase (in shadow: that both answered)."""
    measured: Sequence[Measurement] = ()
    blind: str | None = None
    """Why its evidence cannot be read; None when it can."""
    silent_seconds: float = 0.0
    """For how long the promoted version's server has not answered while the old one's does."""
