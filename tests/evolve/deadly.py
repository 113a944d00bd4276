"""A module whose import ends the process: `gym.make_vec("tests.evolve.deadly:Nothing-v0")` kills a worker."""

import os

os._exit(3)
