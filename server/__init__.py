"""The conference server around the privacy filter."""
