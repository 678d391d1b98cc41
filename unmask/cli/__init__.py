"""The command line, one file per command. Each reads its options, calls the API and prints the result."""
