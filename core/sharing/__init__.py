"""Several processes, on one machine or several, that work in one folder."""
