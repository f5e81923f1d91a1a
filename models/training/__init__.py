"""Training of the networks: needs the extra `train`; neither server nor filters import it."""
