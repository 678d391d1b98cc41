"""Log-likelihood ratios of the evaluated items: fitted on validation, measured on the split."""
