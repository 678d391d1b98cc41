"""The speed goals of the project, what was measured, and docs/benchmarks.md, which is made from both."""
