"""Faces of a market: Gymnasium environments, single and vectorised, over one native implementation."""
