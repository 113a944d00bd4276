"""The tables of the theory page: simulated figures beside references, exact solutions and closed forms.

Not a measure of speed: with the same seed every machine writes the same rows.
"""

from __future__ import annotations

import math

from benchmarks.report import Row, main
from qsl_envs.theory.models import study

SEED = 1


def avellaneda_stoikov(smoke: bool) -> list[Row]:
    """Both strategies at three risk aversions under the linear rule, and the other rule."""
    known = {
        (0.1, "inventory", "linear"): ("64.9 ± 0.03", 6.55, 2.94),
        (0.1, "symmetric", "linear"): ("68.25 ± 0.07", 13.5, 8.4),
        (0.01, "inventory", "linear"): ("68.40 ± 0.04", 9.0, 5.25),
        (0.01, "symmetric", "linear"): ("68.68 ± 0.07", 13.7, 8.75),
        (0.5, "inventory", "linear"): ("48.6 ± 0.03", 5.9, 1.96),
        (0.5, "symmetric", "linear"): ("59.95 ± 0.06", 12.35, 6.97),
        (0.1, "inventory", "exponential"): ("57.2", "", ""),
        (0.1, "symmetric", "exponential"): ("", "", ""),
        (0.5, "inventory", "exponential"): ("", "", ""),
    }
    rows = []
    for (gamma, strategy, fill), (pnl, pnl_sd, inventory_sd) in list(known.items())[: 1 if smoke else None]:
        found = study("avellaneda-stoikov", SEED, gamma=gamma, strategy=strategy, fill=fill,
                      episodes=50 if smoke else 100_000)  # fmt: skip
        r, exact = found.results, found.results["exact"]
        rows.append(
            Row(**{
                "gamma": f"{gamma:g}", "strategy": strategy, "rule": fill, "mean spread": f"{r['spread_mean']:.4f}",
                "P&L": plus_minus(r["pnl_mean"], r["standard_error"]["pnl_mean"]), "exact": f"{exact['pnl_mean']:.3f}",
                "reference": pnl, "sd P&L": f"{r['pnl_sd']:.2f}", "sd exact": f"{exact['pnl_sd']:.3f}",
                "sd reference": str(pnl_sd), "sd q": f"{r['inventory_sd']:.3f}",
                "sd q exact": f"{exact['inventory_sd']:.3f}", "sd q reference": str(inventory_sd),
                "largest deviation": worst(found.comparisons),
                "certainty equivalent": f"{exact['certainty_equivalent']:.2f}",
                "best possible": f"{r['optimal_certainty_equivalent']:.2f}",
            })
        )  # fmt: skip
    return rows


def zero_intelligence(smoke: bool) -> list[Row]:
    """The three sets of an independent program, with its figures."""
    sets = [
        (0.1, 0.2, 300, 200_000, "8.108 ± 0.017", "5.94", "0.0847", "1.143", "38.4 (0.25) to 14.5 (680)"),
        (0.02, 0.02, 1000, 800_000, "25.10 ± 0.09", "17.4", "0.0211", "1.144", "117.6 (2.5) to 7.6 (2660)"),
        (0.5, 0.2, 60, 200_000, "2.050 ± 0.003", "1.18", "0.414", "1.806", "1.56 (0.25) to 0.57 (680)"),
    ]
    rows = []
    for limit, cancel, ticks, duration, spread, sd, tight, depth, diffusion in sets[-1:] if smoke else sets:
        r = study("zero-intelligence", SEED, limit_rate=limit, cancel_rate=cancel, ticks=ticks,
                  duration=60 if smoke else duration).results  # fmt: skip
        first, last = r["diffusions"][0], r["diffusions"][-1]
        error = r["standard_error"]
        rows.append(
            Row(**{
                "m": "1", "a": f"{limit:g}", "d": f"{cancel:g}", "L": f"{ticks}",
                "mean spread": plus_minus(r["spread_mean"], error["spread_mean"]), "reference": spread,
                "sd": plus_minus(r["spread_sd"], error["spread_sd"]), "sd reference": sd,
                "P(1)": plus_minus(r["p_spread_1"], error["p_spread_1"]), "P(1) reference": tight,
                "best depth": plus_minus(r["best_depth_mean"], error["best_depth_mean"]), "depth reference": depth,
                "D (tau)": f"{plus_minus(first['diffusion'], first['standard_error'])} ({first['tau']:g}) to "
                           f"{plus_minus(last['diffusion'], last['standard_error'])} ({last['tau']:g})",
                "D reference": diffusion,
            })
        )  # fmt: skip
    return rows


def cont_stoikov_talreja(smoke: bool) -> list[Row]:
    """Spread 1 with the printed figures, and wider spreads."""
    sets = [
        (1, 1, 1, "0.5000", "0.5025"), (1, 1, 3, "0.2590", "0.7939"), (1, 3, 1, "0.7410", "0.2915"),
        (1, 3, 2, "0.5931", "0.4654"), (1, 5, 5, "0.5000", "0.6071"), (2, 2, 4, "", ""), (3, 1, 2, "", ""),
    ]  # fmt: skip
    rows = []
    for spread, bid, ask, *known in sets[:1] if smoke else sets:
        row = Row(spread=str(spread), bids=str(bid), asks=str(ask))
        for event, reference in zip(("up", "fill"), known):
            found = study("cont-stoikov-talreja", SEED, spread=spread, bid=bid, ask=ask, event=event,
                          paths=20 if smoke else 200_000)  # fmt: skip
            r = found.results
            row |= {
                event: plus_minus(r["probability"], r["standard_error"]), f"{event} exact": f"{r['exact']:.5f}",
                f"{event} reference": reference, f"{event} deviation": worst(found.comparisons),
            }  # fmt: skip
        rows.append(row)
    return rows


def cont_de_larrard(smoke: bool) -> list[Row]:
    """The printed pairs."""
    rows = []
    for bid, ask, reference in [(1, 1, "0.5"), (1, 5, "0.12713"), (3, 7, "0.25865"), (10, 4, "0.75731")]:
        found = study("cont-de-larrard", SEED, bid=bid, ask=ask, paths=4 if smoke else 100_000)
        r = found.results
        rows.append(
            Row(**{
                "bids": str(bid), "asks": str(ask), "simulated": plus_minus(r["probability"], r["standard_error"]),
                "integral": f"{r['exact']:.5f}", "reference": reference,
                "diffusion limit": f"{r['diffusion_limit']:.5f}", "deviation": worst(found.comparisons),
            })
        )  # fmt: skip
        if smoke:
            break
    return rows


def hawkes(smoke: bool) -> list[Row]:
    """The reference set and others, down to none that excites."""
    rows = []
    sets = [(0.2, 0.8, 1.0, 10.0), (0.5, 1.2, 4.0, 3.0), (0.05, 0.45, 0.5, 20.0), (3.0, 0.0, 2.0, 1.5)]
    for mu, alpha, beta, window in sets[:1] if smoke else sets:
        found = study("hawkes", SEED, mu=mu, alpha=alpha, beta=beta, window=window,
                      duration=1_000 if smoke else 2_000_000)  # fmt: skip
        r, error = found.results, found.results["standard_error"]
        rows.append(
            Row(**{
                "mu": f"{mu:g}", "alpha": f"{alpha:g}", "beta": f"{beta:g}", "window": f"{window:g}",
                "rate": plus_minus(r["rate"], error["rate"]), "L": f"{r['exact']['rate']:.4f}",
                "variance": plus_minus(r["count_variance"], error["count_variance"]),
                "closed form": f"{r['exact']['count_variance']:.4f}", "largest deviation": worst(found.comparisons),
                "p-value": f"{r['compensator']['p_value']:.3f}",
            })
        )  # fmt: skip
    return rows


def almgren_chriss(smoke: bool) -> list[Row]:
    """Three risk aversions."""
    known = {
        1e-6: ("0.607076", "911,226.99", "603,430.67"),
        2e-6: ("0.846297", "1,140,715.17", "449,367.65"),
        0.0: ("0", "662,500", "1,040,672.86"),
    }
    rows = []
    for averse, (kappa, cost, sd) in list(known.items())[: 1 if smoke else None]:
        found = study("almgren-chriss", SEED, paths=20 if smoke else 1_000_000, **{"lambda": averse})
        r = found.results
        rows.append(
            Row(**{
                "lambda": f"{averse:g}", "kappa": f"{r['kappa']:.6f}", "reference": kappa,
                "expected cost": f"{r['expected_cost']:,.2f}", "cost reference": cost,
                "simulated cost": f"{r['simulated']['expected_cost']:,.0f}", "sd": f"{r['cost_sd']:,.2f}",
                "sd reference": sd, "simulated sd": f"{r['simulated']['cost_sd']:,.0f}",
                "largest deviation": worst(found.comparisons),
                "trajectory": ", ".join(f"{x:,.1f}" for x in r["trajectory"]),
            })
        )  # fmt: skip
    return rows


def glft(smoke: bool) -> list[Row]:
    """Four inventories."""
    known = {-5: ("2.97252", ""), 0: ("3.31305", "3.31292"), 5: ("3.65348", "3.65224"), 10: ("3.99293", "3.99157")}
    rows = []
    for inventory, (exact, closed) in known.items():
        near, far = (study("glft", SEED, inventory=inventory, T=left).results for left in (600.0, None))
        rows.append(
            Row(**{
                "inventory": f"{inventory:+d}", "bid, T = 600": f"{near['bid_offset']:.5f}", "reference": exact,
                "bid, far": f"{far['bid_offset']:.5f}", "closed form": f"{near['closed_form']['bid_offset']:.5f}",
                "closed form reference": closed, "ask, far": f"{far['ask_offset']:.5f}",
            })
        )  # fmt: skip
    return rows


def plus_minus(value: float, error: float) -> str:
    """A figure with its standard error, to the error's second digit."""
    if not error > 0:
        return f"{value:.6g}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def worst(comparisons) -> str:
    """The largest deviation, in standard errors."""
    return f"{max((c.deviation for c in comparisons), key=abs):+.2f}"


TABLES = {
    "theory_avellaneda_stoikov": avellaneda_stoikov,
    "theory_zero_intelligence": zero_intelligence,
    "theory_cont_stoikov_talreja": cont_stoikov_talreja,
    "theory_cont_de_larrard": cont_de_larrard,
    "theory_hawkes": hawkes,
    "theory_almgren_chriss": almgren_chriss,
    "theory_glft": glft,
}

if __name__ == "__main__":
    main(TABLES)
