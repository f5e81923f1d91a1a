"""People and rooms in, training samples out."""
