"""Housekeep: what is old goes, by declared ages."""
