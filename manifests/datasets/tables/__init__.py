"""Tables of the user's own: their lines and the paths that they list."""
