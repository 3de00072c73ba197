"""The family torch: a tabular network, and how it learns."""
