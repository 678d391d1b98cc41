"""Media shards: the Zarr groups that preprocess writes and extract reads."""
