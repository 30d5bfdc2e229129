"""Faces of a result: pure functions that draw it and know nothing else."""
