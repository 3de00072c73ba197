"""optimize: the candidate in the form in which it answers best."""

from perennial.optimize.optimizing import Optimized, optimize

__all__ = ["Optimized", "optimize"]
