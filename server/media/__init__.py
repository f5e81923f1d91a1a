"""The media plane: receive, filter, encode once, fan out."""
