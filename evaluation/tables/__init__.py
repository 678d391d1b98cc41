"""What several tables of results share: figures over seeds, and the forms of a table."""
