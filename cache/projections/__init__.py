"""From an encoder's width to 512."""
