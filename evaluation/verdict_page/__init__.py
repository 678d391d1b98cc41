"""The page of verdicts: one self-contained HTML document for a file or for a batch."""
