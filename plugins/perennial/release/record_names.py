"""What the phases of a release are called on its page."""

from __future__ import annotations

from perennial.draw.formats import share, words


def name_of(state: str, weight: float, kind: str = "canary") -> str:
    """A phase as a person reads it.

    >>> name_of("canary", 0.05), name_of("rolling_back", 0.0)
    ('canary 5 %', 'rolling back')
    >>> name_of("canary", 0.5, "interleave")
    'interleaved 50 %'
    """
    if state != "canary":
        return words(state)
    return f"{'interleaved' if kind == 'interleave' else words(state)} {share(weight)}"


def short_of(state: str, weight: float) -> str:
    """The same where there is little room.

    >>> short_of("canary", 0.05), short_of("shadow", 0.0)
    ('5 %', 'shadow')
    """
    return share(weight) if state == "canary" else words(state)
