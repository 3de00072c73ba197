"""Watch: what changed, and whether it matters."""

from perennial.watch.reports import page_file, report_file
from perennial.watch.watched import Watched
from perennial.watch.watching import watch

__all__ = ["Watched", "page_file", "report_file", "watch"]
