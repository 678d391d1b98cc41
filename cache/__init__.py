"""Tokens of frozen encoders: the encoders, the projection to 512, the token stores, and the stage that fills them."""
