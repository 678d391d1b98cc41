"""Chain of custody: hashes of files and runs, and what content credentials claim."""
