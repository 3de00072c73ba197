"""Smaller and faster forms of a fitted learner, each family's own."""
