"""What `baselines.evaluate` stands on and is asked for: tasks, seats, quality, costs, results on disk, tables."""
