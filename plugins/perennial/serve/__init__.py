"""Answers over HTTP: the gateway in front, one predictor per slot behind it."""
