"""WHIP (RFC 9725) and WHEP: cameras in and filtered video out over HTTP."""
