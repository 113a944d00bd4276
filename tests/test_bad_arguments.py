"""Whatever nonsense an argument is given, the answer is a ValueError that names it, before anything is compiled."""

import math
from typing import Any

import gymnasium as gym
import pytest

import qsl_envs
from qsl_envs.cli import main
from qsl_envs.engine import BUY, EngineConfig, OrderBook
from qsl_envs.market.config import MarketConfig
from qsl_envs.market.market import Market
from qsl_envs.settings import from_dict, to_dict

NONSENSE: tuple[Any, ...] = (math.nan, math.inf, -1, -1.5, 0.5, 1e300, 2**63, "x", [], {}, [None], {"a": 1})
"""No argument below takes any of these."""
LISTS = (math.nan, -1, 0.5, 2**63, "x", True, [None])
"""No argument that is a list takes any of these."""

FLAGS = ("copy", "step_info", "stagger")
WHOLE = ("num_threads", "max_episode_steps", "levels", "frames", "max_offset", "max_quote_qty", "step_ns", "session_ns")


def named(field: str, call: Any) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    assert field in str(caught.value)


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
@pytest.mark.parametrize("field", (*FLAGS, *WHOLE, "autoreset_mode", "decide_on", "render_mode"))
def test_arguments_of_an_environment(field: str, value: Any) -> None:
    named(field, lambda: gym.make_vec("qsl/MarketMaking-v0", num_envs=2, **{field: value}))


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
@pytest.mark.parametrize("field", ("num_envs", *FLAGS, "num_threads", "max_episode_steps", "autoreset_mode"))
def test_arguments_of_the_model_of_2008(field: str, value: Any) -> None:
    named(field, lambda: gym.make_vec("qsl/AvellanedaStoikov-v0", **{"num_envs": 2} | {field: value}))


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
@pytest.mark.parametrize("field", ("num_envs", "num_threads", "max_episode_steps", "max_cycles", "copy", "stagger"))
def test_arguments_of_a_market_of_many(field: str, value: Any) -> None:
    named(field, lambda: qsl_envs.make_marl_vec("qsl/MarketMakers-v0", **{"num_envs": 2} | {field: value}))


@pytest.mark.parametrize("value", (math.nan, -1, 0.5, "x", True, [], [None], {"a": 1}, {"maker": "x"}, {"maker": -1}))
@pytest.mark.parametrize("field", ("seats", "tasks"))
def test_seats_and_tasks(field: str, value: Any) -> None:
    named(field, lambda: qsl_envs.make_marl_vec("qsl/MarketMakers-v0", 2, **{field: value}))


@pytest.mark.parametrize("value", (math.nan, -1, 0.5, 2**63, "x", True, [], ["x"], {"a": 1}), ids=repr)
def test_realism(value: Any) -> None:
    named("realism", lambda: gym.make_vec("qsl/MarketMaking-v0", num_envs=2, realism=value))


@pytest.mark.parametrize("value", LISTS, ids=repr)
@pytest.mark.parametrize("field", ("blocks", "offsets"))
def test_arguments_that_are_lists(field: str, value: Any) -> None:
    named(field, lambda: gym.make_vec("qsl/MarketMakingDiscrete-v0", num_envs=2, **{field: value}))


@pytest.mark.parametrize("value", (math.nan, math.inf, -1, 0.5, 1e300, 2**63, "x", True, [], {"a": 1}), ids=repr)
@pytest.mark.parametrize("field", ("start_ns", "end_ns"))
def test_the_window_of_a_day(field: str, value: Any) -> None:
    named(field, lambda: gym.make_vec("qsl/ReplayMarketMaking-v0", num_envs=2, **{field: value}))


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
@pytest.mark.parametrize("field", ("max_orders", "window_ticks", "keep_on_decrease", "stp", "config"))
def test_arguments_of_a_book(field: str, value: Any) -> None:
    named(field, lambda: OrderBook(**{field: value}))


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
@pytest.mark.parametrize("field", ("max_orders", "window_ticks", "max_special", "max_events", "stp", "publish"))
def test_settings_of_an_engine(field: str, value: Any) -> None:
    named(field, lambda: EngineConfig(**{field: value}))


@pytest.mark.parametrize("value", (*NONSENSE[:6], *NONSENSE[7:], True), ids=repr)
@pytest.mark.parametrize("field", ("side", "qty", "price", "order_type", "tif", "stop_price", "expire_ns"))
def test_arguments_of_an_order(field: str, value: Any) -> None:
    if field == "expire_ns" and value == -1:
        return  # a time like another: it has passed
    order: dict[str, Any] = {"side": BUY, "price": 100, "qty": 1, "tif": "gtd", "expire_ns": 5}
    if field == "stop_price":
        order["order_type"] = "stop_limit"
    named(field, lambda: OrderBook().submit(**order | {field: value}))


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
def test_arguments_of_looks_and_replaces(value: Any) -> None:
    book = OrderBook()
    order = book.submit(BUY, price=100, qty=2).order_id
    named("side", lambda: book.queue(value, 100))
    named("total", lambda: book.replace(order, 1, total=value))
    assert book.queue("buy", 100) == [(order, 2, 2)]


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
@pytest.mark.parametrize("field", ("num_replicas", "num_threads", "record"))
def test_arguments_of_a_market(field: str, value: Any) -> None:
    named(field, lambda: Market(MarketConfig(), **{"num_replicas": 1} | {field: value}))


@pytest.mark.parametrize("value", ([], {}, "x", 3, {"a": 1}), ids=repr)
def test_a_kind_of_flow(value: Any) -> None:
    settings = to_dict(MarketConfig())
    settings["flow"]["kind"] = value
    named("flow.kind", lambda: from_dict(MarketConfig, settings))


@pytest.mark.parametrize("value", (-1, 2**31, 2**63, 1e300), ids=repr)
@pytest.mark.parametrize("field", ("collar_ticks", "band_ticks"))
def test_bounds_of_a_venue(field: str, value: Any) -> None:
    settings = to_dict(MarketConfig())
    settings["venues"][0][field] = value
    named(field, lambda: from_dict(MarketConfig, settings))


@pytest.mark.parametrize("value", (0, 8, 65, 2**25, 2**63), ids=repr)
@pytest.mark.parametrize("field", ("tape", "wheel"))
def test_bounds_of_a_size(field: str, value: int) -> None:
    settings = to_dict(MarketConfig())
    settings["size"][field] = value
    named(field, lambda: from_dict(MarketConfig, settings))


@pytest.mark.parametrize("value", (0.5, math.nan, "x", 2**63, [0], [0, 0.5], [0, -1], ["a", "b"], {}), ids=repr)
def test_seeds_of_an_environment(value: Any) -> None:
    envs = gym.make_vec("qsl/AvellanedaStoikov-v0", num_envs=2)
    named("seed", lambda: envs.reset(seed=value))


@pytest.mark.parametrize("text", ("", "x", "[]", "1", "nan", "None", "{", "'{}'"))
def test_options_on_the_command_line(capsys: pytest.CaptureFixture[str], text: str) -> None:
    env_id = "qsl/MarketMaking-v0"
    for option, words in (
        ("--env-options", ["train", "ppo", env_id]),
        ("--env-options", ["tune", env_id]),
        ("--options", ["evaluate", env_id]),
        ("--options", ["play", env_id, "--policy", "random"]),
    ):
        assert main([*words, f"{option}={text}"]) == 2
        told = capsys.readouterr().err
        assert option.strip("-").replace("-", "_") in told.replace("-", "_") and repr(text) in told
