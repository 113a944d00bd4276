"""Quant Sim Lab: a market microstructure simulator as a Gymnasium and PettingZoo suite.

Importing the package registers its environments and nothing more: no kernel, no numba, no torch.
"""

from qsl_envs.registration import make_marl_vec, register_envs

__version__ = "0.1.0.dev0"
__all__ = ["__version__", "make_marl_vec", "register_envs"]

register_envs()
