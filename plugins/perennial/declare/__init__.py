"""Declarations: what a team writes in YAML, read into frozen, validated objects."""
