"""Self-play, matchmaking, ratings and tournaments. Stands on the public faces of qsl_envs and baselines only."""
