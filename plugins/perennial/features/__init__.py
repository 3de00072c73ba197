"""Features: one definition in Feast for learning and for answering."""

from __future__ import annotations

from perennial.features.training import Featured, features

__all__ = ["Featured", "features"]
