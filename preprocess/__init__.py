"""Tensors from media: faces, 16 kHz audio, clips, and the shards they are kept in."""
