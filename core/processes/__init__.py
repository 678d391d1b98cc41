"""Processes of a command: how they begin, and how a signal ends them."""
