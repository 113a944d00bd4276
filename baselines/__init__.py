"""Agents for the environments, and ways to compare them. Stands on the public faces of `qsl_envs` only.

At the top lie the trainers, a file each to be read from top to bottom (`python -m baselines.ppo --help`), and what
users import: `evaluate`, `intervals`, `portable`, `tuned`. The packages hold what those share, by idea;
`docs/baselines.md` has a map.
"""
