"""Measurements that write their own tables: `python -m benchmarks`, or one file at a time."""
