"""Airflow's login in front of every route of the page."""

from __future__ import annotations

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view

logged_in = requires_access_view(AccessView.WEBSITE)
"""What Airflow asks of those who may see its own pages: 401 for nobody, 403 for the others."""


def login_address(back_to: str) -> str:
    """Where one logs in, to be sent back to a path afterwards."""
    return str(get_auth_manager().get_url_login(next_url=back_to))
