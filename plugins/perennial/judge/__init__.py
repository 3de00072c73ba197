"""judge: may the candidate serve? Blessed, refused, or not enough evidence."""

from perennial.judge.judged import Judged
from perennial.judge.judging import judge, report_file

__all__ = ["Judged", "judge", "report_file"]
