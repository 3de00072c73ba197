"""Tuning: tries parameters on days that came after what was learned, within a declared budget."""

from perennial.train.tuning.tuned import Tuned
from perennial.train.tuning.tuning import tune

__all__ = ["Tuned", "tune"]
