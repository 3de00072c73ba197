"""The parts of `bench_serving.py`."""
