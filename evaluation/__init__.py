"""Evidence from finished models: scores, tables, plots, verdicts."""
