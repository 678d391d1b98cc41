"""Decoding of sound: readers, the mix of channels, resampling, silence."""
