"""Deploy: dedicated server slots under one supervisor, proven before they are used."""

from __future__ import annotations

from perennial.deploy.deploying import Deployed, deploy

__all__ = ["Deployed", "deploy"]
