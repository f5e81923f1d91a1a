"""What every other package of the server uses."""
