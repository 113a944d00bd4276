"""Training scripts, one file each, and scripted policies. Stands on the public faces of qsl_envs only."""
