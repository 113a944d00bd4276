"""Accounts: integer money whose every transfer has two ends.

Money counts 1/fee_unit of tick x lot. For each account, at all times,
`cash = initial_cash - (basis - initial_basis) + realized - fees + rebates - borrow`, so that
equity = cash + inventory * mark = initial + realized + unrealized - fees + rebates - borrow, with
unrealized = inventory * mark - basis.
"""

from qsl_envs.kernel.bits import float_quotient, quotient
from qsl_envs.kernel.jit import kernel

RATE_UNIT = 1_000_000
"""A fee rate counts 0.01 bp = 1e-6 of the notional."""
SECOND = 1_000_000_000
SMALL_BASIS, SMALL_QTY = 2**43, 2**10
"""Below these a basis times a quantity is a whole number that a float holds exactly, and a quotient of it is too."""
SMALL_MONEY, SMALL_RATE = 2**45, 2**16
"""Below these twice a sum times a rate does not."""
TAKER, MAKER, IN_AUCTION = 0, 1, 2
"""Role of one side of a trade: what its fee goes by."""


@kernel(inline=True)
def entity_of_flow(m, r, book):
    """Entity index of the background flow of a book."""
    return m.runs[r].num_traders + book


@kernel(inline=True)
def entity_of_venue(m, r, venue):
    """Entity index of a venue's own account."""
    return m.runs[r].num_traders + m.runs[r].num_books + venue


@kernel(inline=True)
def entity_of_lender(m, r):
    """Entity index of the lender; the impact account and the liquidator follow it."""
    return m.runs[r].num_traders + m.runs[r].num_books + m.runs[r].num_venues


@kernel(inline=True)
def account_of(m, r, entity, symbol):
    """Absolute index of an account."""
    return m.runs[r].accounts + entity * m.runs[r].num_symbols + symbol


@kernel(inline=True)
def rate_fee(money, rate):
    """Fee on `money` at `rate` (0.01 bp), rounded half away from zero; exact without overflow."""
    size = abs(rate)
    if 0 <= money < SMALL_MONEY and size < SMALL_RATE:
        fee = quotient(2 * money * size + RATE_UNIT, 2 * RATE_UNIT)
    else:
        whole, rest = money // RATE_UNIT, money % RATE_UNIT
        fee = whole * size + (2 * rest * size + RATE_UNIT) // (2 * RATE_UNIT)
    return fee if rate >= 0 else -fee  # half away from zero on the total


@kernel
def tier_of(venue, volume):
    """Fee tier (0 to 3) that a traded volume (lots) has reached at a venue."""
    tier = 0
    if venue.num_tiers > 1 and volume >= venue.tier_volume_1:
        tier = 1
        if venue.num_tiers > 2 and volume >= venue.tier_volume_2:
            tier = 2
            if venue.num_tiers > 3 and volume >= venue.tier_volume_3:
                tier = 3
    return tier


@kernel(inline=True)
def fee_rates(venue, role, volume):
    """(Rate in 0.01 bp, money per lot) of a maker or a taker, by the tier that its volume (lots) has reached."""
    maker = role == MAKER
    if maker:
        rate, lot_fee = venue.maker_rate_0, venue.maker_lot_fee
    else:
        rate, lot_fee = venue.taker_rate_0, venue.taker_lot_fee
    if venue.num_tiers > 1:
        tier = tier_of(venue, volume)
        if tier == 1:
            rate = venue.maker_rate_1 if maker else venue.taker_rate_1
        elif tier == 2:
            rate = venue.maker_rate_2 if maker else venue.taker_rate_2
        elif tier == 3:
            rate = venue.maker_rate_3 if maker else venue.taker_rate_3
    return rate, lot_fee


@kernel(inline=True)
def trade_fee(venue, role, volume, qty, value):
    """Fee in money (negative: a rebate) of one side of a trade of `qty` lots that are worth `value` (money)."""
    if role == IN_AUCTION:
        return rate_fee(value, venue.auction_rate) if venue.auction_rate != 0 else 0
    rate, lot_fee = fee_rates(venue, role, volume)
    fee = lot_fee * qty
    if rate != 0:
        fee += rate_fee(value, rate)
    return fee


@kernel(inline=True)
def pay_fee(account, venue_account, fee):
    """Move a fee (or, negative, a rebate) from a trader's account to the venue's."""
    account.cash -= fee
    venue_account.cash += fee
    # the venue books the other end of the same entry, so that its own identity holds
    if fee >= 0:
        account.fees += fee
        venue_account.rebates += fee
    else:
        account.rebates -= fee
        venue_account.fees -= fee


@kernel(inline=True)
def accrue_short(account, now_ns):
    """Bring the lots x ns that the account has been short up to date; before its inventory changes."""
    # without a branch: which way the next account leans is anybody's guess
    account.short_lot_ns += max(-account.inventory, 0) * (now_ns - account.short_since_ns)
    account.short_since_ns = now_ns


@kernel(inline=True)
def share_of(size, part, whole):
    """`size * part / whole` rounded toward zero, exact without overflow; 0 <= part <= whole, and 0 of a whole of 0."""
    if 0 <= size < SMALL_BASIS and part < SMALL_QTY:
        # nothing, a part or all, as they come: a branch would be guessed wrongly, a division of integers be waited for
        return float_quotient(size * part, max(whole, 1))
    if part == whole:
        return size & -whole >> 63
    per_lot, rest = size // whole, size % whole
    return per_lot * part + rest * part // whole


@kernel(inline=True)
def book_trade(account, sign, price, qty, fee_unit):
    """Book `sign * qty` lots at `price` (ticks) into an account: cash, inventory, basis, realized.

    What reduces an inventory takes its share of the basis along, in proportion and rounded toward zero.
    """
    inventory = account.inventory
    basis = account.basis
    held = max(-inventory * sign, 0)  # lots that this trade can close
    closed = min(qty, held)
    # basis has the inventory's sign; this is the magnitude of what can be closed
    out = share_of(-basis * sign & -held >> 63, closed, held)
    spent = sign * (price * qty * fee_unit)
    gain = sign * (price * closed * fee_unit - out)
    account.cash -= spent
    account.realized -= gain
    account.basis = basis + spent - gain
    account.inventory = inventory + sign * qty
    account.volume += qty
    account.fills += 1


@kernel
def collect_borrow(m, r, entity, symbol, rate, now_ns):
    """Pay the lender what is due on short inventory: `rate` money units per lot and second, exact over time."""
    run = m.runs[r]
    account = m.accounts[account_of(m, r, entity, symbol)]
    accrue_short(account, now_ns)
    # the whole integral, rounded half up; what was paid before is taken off: the schedule of calls does not matter
    whole, rest = account.short_lot_ns // SECOND, account.short_lot_ns % SECOND
    due = whole * rate + (2 * rest * rate + SECOND) // (2 * SECOND)
    cost = due - account.borrow
    if cost != 0:
        lender = m.accounts[account_of(m, r, entity_of_lender(m, r), symbol)]
        account.cash -= cost
        account.borrow += cost
        lender.cash += cost
        lender.borrow -= cost
    return run.now_ns


@kernel(inline=True)
def equity(account, mark_x2, fee_unit):
    """Equity in money at a mark given in half ticks."""
    return account.cash + account.inventory * mark_x2 * (fee_unit // 2)
