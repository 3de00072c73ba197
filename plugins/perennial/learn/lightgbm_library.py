"""The one way to import LightGBM."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NOT_NEEDED = ("sklearn", "dask", "pandas")
"""LightGBM imports them for wrappers and frames that nothing here hands to it.

They take 0.9 of its 1.4 s, and pandas half of the rest: a server that was killed is back sooner.
"""


def lightgbm() -> Any:
    """The library, imported on first use; how its threads wait is said in `perennial.learn`."""
    if "lightgbm" in sys.modules:
        return sys.modules["lightgbm"]
    with _without(NOT_NEEDED):
        import lightgbm

    return lightgbm


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """Let imports of these fail for a moment, unless they have been imported already."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None makes it fail
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
