"""Where the parts of a stage run: here, or on a cluster."""
