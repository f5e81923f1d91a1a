"""What is painted behind people."""
