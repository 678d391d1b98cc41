"""Transcripts by speech recognition."""
