"""Loss terms and their sum."""
