"""`pytest --flowcoach 2.3`: a section's checks as test items."""
