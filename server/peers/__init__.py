"""Peer connections: what a participant publishes, and what is sent to them."""
