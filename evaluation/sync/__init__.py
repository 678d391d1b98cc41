"""How image and audio fit in time, as the sync encoder has it: per file, per category of the evaluated files."""
