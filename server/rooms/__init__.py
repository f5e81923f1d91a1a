"""Rooms: who is in them, what they may do, what they are told."""
