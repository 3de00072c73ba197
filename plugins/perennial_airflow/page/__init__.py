"""The Perennial page: what lives, what was seen and what was decided, drawn."""
