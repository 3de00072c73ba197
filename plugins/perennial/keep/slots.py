"""Slots: the dedicated servers' places, one model version at a time in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

SLOTS = ("blue", "green")
State = Literal["empty", "assigned", "proven", "failed"]


@dataclass(frozen=True)
class Slot:
    """A dedicated server's place: one model version at a time, on a port of its own."""

    model: str
    slot: str
    port: int
    version: str | None
    state: State
    detail: str = ""


def slot_of(row: Any) -> Slot:
    """The slot in a row of the table."""
    return Slot(row.model, row.slot, row.port, row.version, row.state, row.detail)
