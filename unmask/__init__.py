"""Multimodal deepfake detection on cached tokens."""
