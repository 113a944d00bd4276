"""Genomes, the genetic outer loop and its validation. Stands on the public faces of qsl_envs and baselines only."""
