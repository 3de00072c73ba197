"""train: makes a candidate out of what was known, from scratch or from what serves."""

from perennial.train.trained import Trained
from perennial.train.training import train

__all__ = ["Trained", "train"]
