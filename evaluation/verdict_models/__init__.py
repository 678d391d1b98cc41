"""What a verdict needs beside the weights: fitted by `evaluate` on training and validation items, read by `predict`."""
