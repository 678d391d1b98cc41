"""Work folders in object stores: `--work s3://bucket/prefix`. The design is in docs/buckets.md."""
