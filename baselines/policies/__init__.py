"""Scripted policies for every environment: batched, observations in and actions out. `library.build` makes one."""
