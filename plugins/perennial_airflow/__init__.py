"""Perennial inside Airflow: what its DAG files share, and its page in the web UI."""
