"""Between encoded and decoded pictures: frames, the encoders, and one camera's way through a filter."""
