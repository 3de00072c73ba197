"""Makes a registered version again, from what it was made from, and compares the two."""

from perennial.train.reproducing.rebuilding import reproduce
from perennial.train.reproducing.reproduced import Reproduced

__all__ = ["Reproduced", "reproduce"]
