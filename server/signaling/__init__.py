"""The WebSocket protocol of protocol.md."""
