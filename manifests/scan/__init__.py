"""Find the media files of the datasets and read their headers."""
