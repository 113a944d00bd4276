"""Scripted traders: their quote formulas, shared by kernels, batched baselines and strategies."""
