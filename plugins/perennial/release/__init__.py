"""Release: which proven version answers, and how it comes to."""

from __future__ import annotations

from perennial.release.releasing import Released, release
from perennial.release.rolling_back import RolledBack, roll_back
from perennial.release.steering import Steered, steer

__all__ = ["Released", "RolledBack", "Steered", "release", "roll_back", "steer"]
