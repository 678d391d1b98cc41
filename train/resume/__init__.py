"""Going on with an earlier training of the same run folder."""
