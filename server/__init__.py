"""The conference server around the privacy filter."""

__version__ = "0.1.0"
