"""What single sections of the report show, each for the template part of its name in sections/."""
