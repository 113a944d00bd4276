"""The matching engine: one venue, one symbol, one book. Knows no agent; is told the time."""
