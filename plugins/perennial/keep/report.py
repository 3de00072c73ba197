"""Reports: what a stage did, frozen, the same through each of the three doors."""

from __future__ import annotations

from perennial.declare.frozen import Frozen


class Report(Frozen):
    """Base of the stages' reports (`Landed`, `Checked`, …).

    A report holds no wall-clock time and no path of the machine, so that the same work on the same
    data gives the same report.
    """
