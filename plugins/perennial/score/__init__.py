"""Score: a period's questions answered at once, and what was answered live, in the lake."""
