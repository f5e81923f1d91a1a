"""A bridge between two rooms of a Janus VideoRoom."""
