"""What can be wrong with a peer's session description."""


class SdpError(ValueError):
    """The text is no session description of a WebRTC peer (RFC 8866, RFC 8829); the message says what is wrong."""


class UnsupportedError(SdpError):
    """It is one, but this server carries nothing of what it asks for."""
