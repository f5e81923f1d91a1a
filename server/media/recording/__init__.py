"""Recording what receivers get, and making one film of it."""
