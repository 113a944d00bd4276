"""Discoveries by name: how much they try."""

from __future__ import annotations

from evolve.discovery.discover import DiscoverConfig
from evolve.discovery.examine import ExamConfig
from evolve.discovery.search import SearchConfig

SECOND = 1_000_000_000

PRESETS: dict[str, DiscoverConfig] = {
    "smoke": DiscoverConfig(
        search=SearchConfig(population=8, generations=2), exam=ExamConfig(finalists=4, alphas=1, blocks=2),
        regimes=("base",), unseen=("volatile",), train_worlds=6, validation_worlds=6, test_worlds=12,
        session_ns=4 * SECOND,
    ),
    "quick": DiscoverConfig(
        search=SearchConfig(population=32, generations=8), exam=ExamConfig(finalists=12, alphas=2),
        train_worlds=16, validation_worlds=32, test_worlds=96, session_ns=10 * SECOND,
    ),
    "standard": DiscoverConfig(
        search=SearchConfig(population=96, generations=20), train_worlds=24, validation_worlds=64, test_worlds=192,
    ),
    "long": DiscoverConfig(
        search=SearchConfig(population=400, generations=40), exam=ExamConfig(finalists=40), train_worlds=48,
        validation_worlds=128, test_worlds=512, session_ns=60 * SECOND,
    ),
}  # fmt: skip
"""`smoke` shows that all of it runs (seconds), `quick` takes a minute or a few, `long` hours."""
