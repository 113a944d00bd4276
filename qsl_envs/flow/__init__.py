"""Background order flow: candidates that come whatever the book does, and act on it as it is."""
