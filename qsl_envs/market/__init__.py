"""The simulation: venues, network, accounts, risk and participants; N replicas side by side."""
