"""How soon after an event a view promises its value: the tag `freshness_seconds` of the view."""

from __future__ import annotations

from typing import Any

DEFAULT_SECONDS = 2.0


def freshness_seconds(view: Any) -> float:
    """What the view declares; `DEFAULT_SECONDS` where it declares nothing."""
    return float(view.tags.get("freshness_seconds", DEFAULT_SECONDS))
