"""Participants that trade inside the kernel: built-in kinds, how to add one, and the formulas that they quote by."""
