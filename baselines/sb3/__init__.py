"""Stable-Baselines3 and sb3-contrib on our environments: a runner, and their models as portable policies."""
