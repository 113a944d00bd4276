"""Chooses parameters of scripted policies on training worlds; what was found lies in `baselines.tuned`."""
