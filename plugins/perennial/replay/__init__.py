"""Replay: what happened, lived again through the project's own doors."""

from __future__ import annotations

from perennial.replay.living import Lived, live

__all__ = ["Lived", "live"]
