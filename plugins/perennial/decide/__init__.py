"""decide: one typed decision with its reason."""

from perennial.decide.decided import Decided
from perennial.decide.deciding import decide

__all__ = ["Decided", "decide"]
