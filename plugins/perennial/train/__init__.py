"""train: makes a candidate out of what was known."""

from perennial.train.training import Trained, train

__all__ = ["Trained", "train"]
