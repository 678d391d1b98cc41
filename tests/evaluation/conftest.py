"""Fixtures of this folder's tests."""

from made_evaluation import made, page_data
from tiny_chain import chain

__all__ = ["chain", "made", "page_data"]
