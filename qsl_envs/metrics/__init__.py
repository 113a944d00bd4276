"""Metrics: what a party earned and why, how its orders fared, and how real a market looks. Arrays in, arrays out."""
