"""Release: which proven version answers."""

from __future__ import annotations

from perennial.release.releasing import Released, release

__all__ = ["Released", "release"]
