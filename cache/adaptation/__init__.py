"""Adaptation: the norm layers of an image or audio encoder, tuned on the training split."""
