"""The options of the server, and how they are read."""
