"""What tests of models/training need besides."""

NEEDS_TORCH = "PyTorch is not installed: pip install -e '.[train]'"
"""Why tests are skipped; hosted CI has a job of its own for them."""
