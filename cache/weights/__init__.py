"""Where encoder weights come from, and which exactly."""
