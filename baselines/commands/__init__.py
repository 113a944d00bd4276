"""Subcommands of `qsl`, a module each: what is typed, and what it calls."""
