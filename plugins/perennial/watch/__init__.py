"""Watch: what changed, and whether it matters."""
