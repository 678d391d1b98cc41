"""How the cost per item grows with the work."""
