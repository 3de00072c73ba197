"""Housekeep: removes what nothing needs any more, by its age, and tells everything that went."""

from __future__ import annotations

from perennial.housekeep.housekeeping import Housekept, Removed, housekeep

__all__ = ["Housekept", "Removed", "housekeep"]
