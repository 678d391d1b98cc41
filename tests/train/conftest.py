"""Fixtures of this folder's tests."""

from token_items import made_item, make_data, mixed, one_thread, tiny_model

__all__ = ["made_item", "make_data", "mixed", "one_thread", "tiny_model"]
