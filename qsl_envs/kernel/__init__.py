"""The ground floor: how kernels are compiled, drawn from and laid out in memory. Knows nothing of markets."""
