"""Frozen tokens: encoders, the projection to one width, the token store and the stage that fills it."""
