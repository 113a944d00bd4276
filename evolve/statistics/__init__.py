"""Statistics that take the search into account: what is left of a result when every trial counts."""
