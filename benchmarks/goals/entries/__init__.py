"""Entries of the registry of speed goals, by what they are about."""
