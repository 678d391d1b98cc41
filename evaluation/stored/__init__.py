"""What a stored evaluation is checked and completed with when it is read."""
