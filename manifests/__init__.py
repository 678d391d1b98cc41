"""What exists: dataset layouts, probing, splits and the manifest, one row a media file."""
