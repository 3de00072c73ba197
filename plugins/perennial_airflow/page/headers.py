"""Headers that keep a page from loading, running or framing anything foreign."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

SCRIPT = (Path(__file__).parent / "templates" / "theme.js").read_text(encoding="utf-8")
"""The one script of the page: it follows Airflow's choice of light or dark."""

_DIGEST = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",  # Airflow shows the page in a frame of its own
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def policy(*, runs_script: bool) -> str:
    """The Content-Security-Policy: nothing but inline styles, and the one script by its hash."""
    rules = ["default-src 'none'", "style-src 'unsafe-inline'", "img-src 'self' data:"]
    if runs_script:
        rules.append(f"script-src 'sha256-{_DIGEST}'")
    return "; ".join([*rules, "base-uri 'none'", "form-action 'none'", "frame-ancestors 'self'"])
