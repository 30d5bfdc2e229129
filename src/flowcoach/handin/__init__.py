"""Handing in: the bundle of evidence, its verification, the replay, and the look that a CI takes."""
