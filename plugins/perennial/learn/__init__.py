"""Learners: families behind one small contract, and the folders that keep what they learned."""
