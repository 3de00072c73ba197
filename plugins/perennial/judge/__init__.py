"""judge: may the candidate serve? Blessed, refused, or not enough evidence."""

from perennial.judge.judged import Judged
from perennial.judge.judging import judge

__all__ = ["Judged", "judge"]
