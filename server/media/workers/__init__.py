"""Where cameras are decoded, filtered and encoded: threads or processes."""
