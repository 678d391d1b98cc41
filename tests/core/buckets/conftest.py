"""Fixtures of buckets."""

from __future__ import annotations

from bucket_server import bucket as bucket
from bucket_server import credentials as credentials
from bucket_server import machine as machine
from bucket_server import server as server
