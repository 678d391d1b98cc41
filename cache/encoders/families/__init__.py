"""Encoders named by their weights: networks of transformers, recognized by the model_type of their config.json."""
