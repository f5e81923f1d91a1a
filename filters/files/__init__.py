"""The filter on files: reading, filtering and writing video and photos."""
