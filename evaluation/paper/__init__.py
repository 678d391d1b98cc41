"""Tables, vector figures and references for a paper."""
