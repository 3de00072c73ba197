"""The parts of `simulate_releases.py`."""
