"""Fixtures of this folder's tests."""

from tiny_chain import chain

__all__ = ["chain"]
