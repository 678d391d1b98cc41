"""The command line's commands. Each reads options, calls its stage and prints; stages are imported inside them."""
