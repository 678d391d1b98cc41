"""Results of single commands as tables: what the methods of `Work` and `Run` return beside those of unmask.tables."""
