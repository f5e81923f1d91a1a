"""Who may do what: the policy of a room, and tokens."""
