"""Check: quality gates on raw and on marts. What passes is published; the rest is kept and told.

Great Expectations evaluates what `data/expectations/<layer>/<table>.yaml` declares.
"""

from perennial.check.checked import Checked, CheckedTable, Finding
from perennial.check.checking import check

__all__ = ["Checked", "CheckedTable", "Finding", "check"]
