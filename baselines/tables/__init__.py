"""The published benchmark: its cells, the store of their results, its page and its report."""
