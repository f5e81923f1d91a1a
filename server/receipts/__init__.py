"""Signed counts of what became of a camera's frames."""
