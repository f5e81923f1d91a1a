"""Rooms: who is in them, what they may do, what they are told.

To be read in this order: `rooms` (joining, seats, leaving), `room` (who is told what), `roster` (who is where, without
any connection), `participant` (one person), `membership` (one person's place in one room). The rest is named after what
it is about, and each does one thing for a Room or a Participant.
"""
