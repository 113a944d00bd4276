"""What an order does to prices: the same worlds with and without it."""
