"""land: brings a period of each source into `data/lake/raw`, unchanged, once."""

from perennial.land.landed import Landed, LandedSource
from perennial.land.landing import land

__all__ = ["Landed", "LandedSource", "land"]
