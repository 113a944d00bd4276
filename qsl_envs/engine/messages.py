"""The records that go into a book's stream and come out of it."""

from __future__ import annotations

from qsl_envs.engine.state import record

HAS_PRICE, HAS_DISPLAY, HAS_STOP, HAS_OFFSET, HAS_PARTICIPANT, HAS_NEW_ID = 1, 2, 4, 8, 16, 32
BAD_OFFSET_BIT = 64
TOTAL_BIT = 128

MESSAGE = record(
    64,
    ("action", "i1"),
    ("side", "i1"),
    ("order_type", "i1"),
    ("tif", "i1"),
    ("peg", "i1"),
    ("post_only", "i1"),
    ("has", "u2"),
    ("order_id", "i8"),
    ("price", "i8"),
    ("qty", "i8"),
    ("display_qty", "i8"),
    ("participant", "i8"),
    ("new_order_id", "i8"),
    ("expire_ns", "i8", 48),
    ("stop_price", "i4", 56),
    ("offset", "i4"),
)
"""One message, a cache line.

| field          | used by                   | meaning                                                                   |
| -------------- | ------------------------- | ------------------------------------------------------------------------- |
| `action`       | all                       | `constants.ADD` ... `UNCROSS`                                             |
| `side`         | add                       | `BUY`, `SELL`                                                             |
| `order_type`   | add                       | `MARKET` ... `PEGGED`                                                     |
| `tif`          | add                       | `DAY`, `GTC`, `IOC`, `FOK`, `GTD`                                         |
| `peg`          | add                       | `PEG_*`                                                                   |
| `post_only`    | add                       | `POST_*`                                                                  |
| `has`          | all                       | bits of the optional fields that are given (`HAS_*`); `BAD_OFFSET_BIT`: an offset that is no int32; `TOTAL_BIT`: a replace's qty counts what was filled |
| `order_id`     | all                       | the sender's number, any int64                                            |
| `price`        | add, replace, uncross     | ticks                                                                     |
| `qty`          | add, reduce, replace      | lots                                                                      |
| `display_qty`  | add, replace              | lots shown at a time, 0 = hidden; not given: all                          |
| `participant`  | add, cancel_all           | any int64                                                                 |
| `new_order_id` | replace                   | the name from here on                                                     |
| `expire_ns`    | add with GTD              | in the place of `new_order_id`                                            |
| `stop_price`   | add, replace              | ticks                                                                     |
| `offset`       | add, replace              | ticks                                                                     |
"""  # noqa: E501

REPORT = record(
    32,
    ("order_id", "i8"),  # the message's own
    ("notional", "i8"),  # sum of price x qty of its fills
    ("filled_qty", "i8"),
    ("leaves_qty", "i4"),
    ("reason", "i2"),
    ("status", "i1"),
)
"""What became of one message, at the same index as the message."""

TRADE = record(
    32,
    ("seq", "i8"),  # number of the message that was being processed
    ("maker_order_id", "i8"),
    ("taker_order_id", "i8"),
    ("price", "i4"),
    ("qty", "i4"),
)
"""One execution; in an uncross the maker is the buy."""
