"""Rooms over several servers: who owns which room, who passes people on to it, and workers elsewhere."""
