"""Decide: one typed decision with its reason."""
