"""The one way to import LightGBM."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NOT_NEEDED = ("sklearn", "dask", "pandas")
"""LightGBM imports them for wrappers and frames that nothing here hands to it.

They take 0.9 of its 1.4 s, and pandas half of the rest: a server that was killed is back sooner.
"""


def lightgbm() -> Any:
    """The library, imported on first use.

    Its threads wait asleep. By default they spin, and as soon as another process wants the same
    cores a fit takes some twenty times as long (3.7 s instead of 0.2 s, measured on two cores).
    OpenMP reads this when it is loaded, so it has to be set before the import.
    """
    if "lightgbm" in sys.modules:
        return sys.modules["lightgbm"]
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
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
