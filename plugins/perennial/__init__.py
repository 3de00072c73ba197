"""Perennial: the engine that keeps machine-learning models alive in production."""
