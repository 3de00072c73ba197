"""Draw: what pages are made of, whoever shows them: elements, axes, and how numbers are written."""
