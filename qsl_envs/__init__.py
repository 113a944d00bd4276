"""Quant Sim Lab: a market microstructure simulator as a Gymnasium and PettingZoo suite."""
__version__ = "0.1.0.dev0"
