"""Layers: dbt makes staging, intermediate and marts out of what passed the gates."""

from __future__ import annotations

from perennial.layer.building import Layered, LayeredMart, layer

__all__ = ["Layered", "LayeredMart", "layer"]
