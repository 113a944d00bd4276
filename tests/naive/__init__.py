"""Slow twins: plain Python that says what the compiled code must do."""
