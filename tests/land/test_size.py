"""A year of three hundred thousand rows lands within a gigabyte."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, timedelta
from typing import Any

import pytest

CODE = """
import json, re, sys
from pathlib import Path
from perennial.declare.project import Project
from perennial.land import land
report = land('orders', '2013-01-01', '2014-01-01', project=Project(Path(sys.argv[1])))
# Not ru_maxrss: it begins with what the test's own process held when it forked.
peak = int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) / 1024
print(json.dumps([report.sources[0].n_landed, len(report.sources[0].days), peak]))
"""


@pytest.mark.slow
def test_a_year_lands_within_a_gigabyte(shop: Any) -> None:
    days = [str(date(2013, 1, 1) + timedelta(days=n)) for n in range(365)]
    shop.deliver(
        "orders.csv",
        *(shop.order(1000 * n + i, day, i) for n, day in enumerate(days) for i in range(900)),
    )
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(shop.root)], capture_output=True, text=True, check=True
    )
    n_landed, n_days, peak_mebibytes = json.loads(done.stdout)
    assert (n_landed, n_days) == (365 * 900, 365)
    assert peak_mebibytes < 1024
