"""The sync encoder: which mouth movements and which sounds belong together in time, learned on genuine clips."""
