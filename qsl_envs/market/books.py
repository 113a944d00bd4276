"""Books by number: book = venue x symbols + symbol. With one symbol, the usual case, nothing is divided."""

from qsl_envs.kernel.bits import quotient
from qsl_envs.kernel.jit import kernel


@kernel(inline=True)
def venue_number(run, book):
    """Number of the venue that a book is of."""
    return book if run.num_symbols == 1 else quotient(book, run.num_symbols)


@kernel(inline=True)
def symbol_number(run, book):
    """Number of the symbol that a book is of."""
    return 0 if run.num_symbols == 1 else book - run.num_symbols * quotient(book, run.num_symbols)
