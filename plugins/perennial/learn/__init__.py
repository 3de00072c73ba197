"""Learners: families behind one small contract, and the folders that keep what they learned."""

import os

# Threads of LightGBM and of torch wait asleep. By default they spin, and as soon as another process
# wants the same cores a fit takes five to twenty times as long (trees: 3.7 s instead of 0.2 s, a
# network: 147 s instead of 27 s, measured on two cores). CUDA's matrix library adds in one order
# only when it owns its workspace. Each library reads these when it is loaded, so they are set here,
# which runs before any module of a family, whatever that module imports first.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
