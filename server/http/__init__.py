"""HTTP beside the signalling: REST, files of the page, health, metrics, TLS."""
