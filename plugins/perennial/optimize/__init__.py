"""optimize: the candidate in the form in which it answers best."""

from perennial.optimize.optimized import Optimized
from perennial.optimize.optimizing import optimize, report_file

__all__ = ["Optimized", "optimize", "report_file"]
