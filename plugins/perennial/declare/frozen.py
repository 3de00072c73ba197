"""The base of every declared object: frozen, and closed to unknown fields."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A declared object. Unknown fields are mistakes; values never change after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
