"""The one way to import LightGBM."""

from __future__ import annotations

import os
from typing import Any


def lightgbm() -> Any:
    """The library, imported on first use.

    Its threads wait asleep. By default they spin, and as soon as another process wants the same
    cores a fit takes some twenty times as long (3.7 s instead of 0.2 s, measured on two cores).
    OpenMP reads this when it is loaded, so it has to be set before the import.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import lightgbm

    return lightgbm
