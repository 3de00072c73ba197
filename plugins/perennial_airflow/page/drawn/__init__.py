"""Plots as SVG text: numbers in, markup out; nothing is read here."""
