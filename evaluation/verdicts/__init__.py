"""Verdicts on new files: the score, what it is worth, how it came about, and what could not be judged."""
