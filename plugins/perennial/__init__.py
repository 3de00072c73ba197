"""Perennial: the engine that keeps machine-learning models alive in production."""

import os

# NumPy's threads wait busily for one another. The matrices here are small, and where other
# processes want the same cores a watch took 17 s of CPU instead of 5. NumPy reads this once, when
# it is imported, which is after this.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
