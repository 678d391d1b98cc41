"""Bundles: a trained run in a folder that needs no work folder. docs/bundles.md describes the format."""
