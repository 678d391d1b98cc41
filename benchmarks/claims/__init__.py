"""Problems whose answer is known, on synthetic tokens: what does each system learn? docs/claims.md has the table."""
