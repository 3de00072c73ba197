"""Optimize: smaller or faster variants of the candidate."""
