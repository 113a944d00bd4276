"""Chance without state: a draw is a pure function of (world key, stream, entity, index).

Nothing here remembers anything, so no draw can shift another one: what an agent does changes which draws are looked
at, never what they are. Keys form a tree. A split name and a seed give a base key (hashed in Python), an episode number
a world key, a stream and an entity a stream key; under a stream key, word `index` is one 64-bit number.

    base = seed_key("train", seed)                      Python, once per environment
    world = world_key("train", seed, episode)           = episode_key(base, episode), also inside a kernel
    skey = stream_key(world, FLOW, 0)                   kernel
    u = draw_unit(skey, k)                              kernel

Keys and words are int64 bit patterns everywhere outside this file, because records and event arrays hold no uint64 and
because int64 mixed with uint64 is a float when interpreted; inside, arithmetic is modulo 2**64. The index may be any
int64 (a message number, a time in nanoseconds). Compiled and interpreted runs give the same bits.

The word function is two rounds of a multiply-xorshift finalizer (the constants are Pelle Evensen's "moremur") over the
Weyl sequence key + index * odd, with the key xored in again between the rounds: without it, two streams whose keys
differ by a small multiple of the odd constant would be shifted copies of each other. For a fixed key the map is a
bijection, so one stream never repeats a word.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numba.core import config

from qsl_envs.errors import require
from qsl_envs.kernel.fmath import float_of, log_normal, normal_quantile
from qsl_envs.kernel.jit import kernel

# Streams: what a draw is for. Numbers are part of every golden value: append, never renumber.
FLOW = 1
"""attributes of background order candidates"""
CANCEL = 2
"""cancel clocks of background orders"""
JITTER = 3
"""link jitter"""
DROP = 4
"""link loss"""
ORDER = 5
"""order of arrivals at one nanosecond"""
TEMPLATE = 6
"""which warm template a reset copies"""
RANDOMIZE = 7
"""ranged settings of an episode"""
WARMUP = 8
"""book-building before a template is taken"""
ACTION = 9
"""choices of scripted agents and policies"""
CLOCK = 10
"""arrival times of the background flow's Poisson clock"""
WAKE = 11
"""wake-up times of participants"""
FUNDAMENTAL = 12
"""outside value processes"""
REGIME = 13
"""regime changes"""
HAWKES = 14
"""children of self-exciting flow"""
SERVICE = 15
"""service times at a venue"""
STAGGER = 16
"""starting ages of episodes"""
PARTICIPANT = 17
"""in-kernel participants' own choices"""
SIZE = 18
"""order sizes, where a model draws them apart from the rest"""
EVALUATE = 19
"""bootstrap and shuffles of evaluation code"""
EPISODE = 40
"""choices that an environment makes for an episode: the side of a parent order"""
SIGNAL = 41
"""errors of agents' signals"""
USER = 64
"""first number that is free for users' own streams, up to 255"""

MASK64 = 0xFFFFFFFFFFFFFFFF

if config.DISABLE_JIT:
    _const = int

    def _word(x):
        """An int64 bit pattern as a number modulo 2**64 (interpreted: a Python int)."""
        return int(x) & MASK64

    def _pattern(w):
        """A number modulo 2**64 as an int64 bit pattern."""
        return w - (1 << 64) if w >> 63 else w

else:
    _const = np.uint64

    @kernel(inline=True)
    def _word(x):
        """An int64 bit pattern as a number modulo 2**64."""
        return np.uint64(x)

    @kernel(inline=True)
    def _pattern(w):
        """A number modulo 2**64 as an int64 bit pattern."""
        return np.int64(w)


_WEYL = _const(0x9E3779B97F4A7C15)
_M1 = _const(0x3C79AC492BA7B653)
_M2 = _const(0x1C69B3F74AC4AE35)
_ALL = _const(MASK64)
_LOW32 = _const(0xFFFFFFFF)
_S11, _S12, _S27, _S32, _S33 = _const(11), _const(12), _const(27), _const(32), _const(33)
_ONE = _const(0x3FF0000000000000)

BELOW_ONE = 0.9999999999999999
"""1 - 2^-53, the float before 1."""


@kernel(inline=True)
def _mix(key, index):
    """Word `index` under `key`; both and the result modulo 2**64."""
    x = (key + ((index * _WEYL) & _ALL)) & _ALL
    x ^= x >> _S27
    x = (x * _M1) & _ALL
    x ^= key
    x ^= x >> _S33
    x = (x * _M2) & _ALL
    return x ^ (x >> _S27)


@kernel(inline=True)
def _derive(key, number):
    """A key below `key`: a word of a word, so that keys are not among the words drawn under `key`."""
    return _mix(_mix(key, number), _M1)


@kernel(inline=True)
def draw_bits(skey, index):
    """Word `index` of a stream: 64 random bits as an int64 pattern. All other draws are functions of such a word."""
    return _pattern(_mix(_word(skey), _word(index)))


@kernel
def episode_key(base_key, episode):
    """The world key of an episode under a base key (`seed_key`); int64 patterns."""
    return _pattern(_derive(_word(base_key), _word(episode)))


@kernel
def stream_key(world_key, stream, entity):
    """The key of one entity's stream in a world, an int64 pattern; `stream` as above, `entity` any int64."""
    return _pattern(_derive(_derive(_word(world_key), _word(stream)), _word(entity)))


@kernel(inline=True)
def sub_key(key, number):
    """A key below a key, for draws with more coordinates than (stream, entity, index); int64 patterns.

    (CANCEL, k, n) is `draw_bits(sub_key(cancel_key, k), n)`; about 4 ns, so keep it where it is used twice.
    """
    return _pattern(_derive(_word(key), _word(number)))


@kernel(inline=True)
def unit_from_bits(bits):
    """A float64 in (0, 1), never 0 or 1: the middle of one of 2**52 equal cells, from the word's upper 52 bits."""
    return float_of(_pattern((_word(bits) >> _S12) | _ONE)) - BELOW_ONE


@kernel(inline=True)
def high_half(bits):
    """The word's upper 32 bits, int64 in [0, 2**32): with `low_half`, two independent small draws from one word."""
    return _pattern(_word(bits) >> _S32)


@kernel(inline=True)
def low_half(bits):
    """The word's lower 32 bits as an int64 in [0, 2**32)."""
    return _pattern(_word(bits) & _LOW32)


@kernel(inline=True)
def below_from_bits(bits, n):
    """An int64 in [0, n), 1 <= n < 2**32: floor(word * n / 2**64); no probability is off by more than 2**-64."""
    w = _word(bits)
    m = _word(n)
    return _pattern(((w >> _S32) * m + (((w & _LOW32) * m) >> _S32)) >> _S32)


@kernel(inline=True)
def below_from_half(half, n):
    """An int64 in [0, n), 1 <= n <= 2**31, from a half word in [0, 2**32); probabilities are off by at most 2**-32."""
    return (half * n) >> 32


@kernel(inline=True)
def unit_from_half(half):
    """A float64 in (0, 1) from a half word in [0, 2**32): the middle of one of 2**32 cells."""
    return (half + 0.5) * 2.3283064365386963e-10


@kernel(inline=True)
def exp_from_bits(bits):
    """A float64 > 0 from the exponential law with mean 1: -log(u). At most 36.8, at least 1.1e-16."""
    return -log_normal(unit_from_bits(bits))


@kernel(inline=True)
def normal_from_bits(bits):
    """A float64 from the standard normal law by its quantile function; within +-8.3."""
    return normal_quantile(unit_from_bits(bits))


@kernel(inline=True)
def draw_unit(skey, index):
    """Uniform float64 in (0, 1), never 0 or 1."""
    return unit_from_bits(draw_bits(skey, index))


@kernel(inline=True)
def draw_below(skey, index, n):
    """Uniform int64 in [0, n), 1 <= n < 2**32."""
    return below_from_bits(draw_bits(skey, index), n)


@kernel(inline=True)
def draw_exp(skey, index):
    """Exponential float64 with mean 1."""
    return exp_from_bits(draw_bits(skey, index))


@kernel(inline=True)
def draw_normal(skey, index):
    """Standard normal float64."""
    return normal_from_bits(draw_bits(skey, index))


@kernel
def fill_bits(skey, first, out, at, n):
    """out[at + i] = draw_bits(skey, first + i) for i < n; `out` int64 (length >= at + n)."""
    block = out[at : at + n]  # a slice is indexed from 0, so that no index may be negative and the loop vectorises
    for i in range(len(block)):
        block[i] = draw_bits(skey, first + i)


@kernel
def fill_unit(skey, first, out, at, n):
    """out[at + i] = draw_unit(skey, first + i) for i < n; `out` float64 (length >= at + n)."""
    block = out[at : at + n]
    for i in range(len(block)):
        block[i] = draw_unit(skey, first + i)


@kernel
def fill_exp(skey, first, out, at, n):
    """out[at + i] = draw_exp(skey, first + i) for i < n; `out` float64 (length >= at + n).

    Two loops, because the words and the logarithms vectorise better apart: 3.3 to 3.8 ns a draw in blocks of 32 on a
    core with 256-bit vectors, 20 to 40 ns one by one.
    """
    block = out[at : at + n]
    for i in range(len(block)):
        block[i] = draw_unit(skey, first + i)
    for i in range(len(block)):
        block[i] = -log_normal(block[i])


def _hash_key(person: bytes, *parts: bytes) -> int:
    """An int64 from BLAKE2b over length-prefixed parts; `person` keeps the kinds of key apart."""
    digest = hashlib.blake2b(digest_size=8, person=person)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return int.from_bytes(digest.digest(), "little", signed=True)


def seed_key(split: str, seed: int) -> int:
    """The base key of all episodes of one seed in one split: an int64 pattern.

    Args:
        split: "train", "validation", "test", a family's name; hashed in, so no seed of one split reaches another.
        seed: any whole number >= 0.
    Raises: ConfigError.
    """
    require(isinstance(split, str) and split != "", "world_key", "split", "a name that is not empty", split)
    require(seed >= 0, "world_key", "seed", ">= 0", seed)
    seed = int(seed)
    return _hash_key(b"qsl world", split.encode(), seed.to_bytes(seed.bit_length() // 8 + 1, "little"))


def world_key(split: str, seed: int, episode: int) -> int:
    """The key of one world, an int64 pattern: all its chance is a function of it. Raises ConfigError."""
    require(episode >= 0, "world_key", "episode", ">= 0", episode)
    return int(episode_key(seed_key(split, seed), int(episode)))


def template_key(config_hash: str, k: int) -> int:
    """The world key of warm template `k` of a configuration, an int64 pattern; hashed apart from all `world_key`s."""
    require(k >= 0, "template_key", "k", ">= 0", k)
    return int(episode_key(_hash_key(b"qsl template", config_hash.encode()), int(k)))
