#!/usr/bin/env python3
"""Fits the ordinary-times price processes and writes calibration.ron.

It needs two hourly price histories that are NOT part of this project (their owners'
terms; see --help for the columns): the numbers it found are, in
scenarios/library/data/calibration.ron, with the date ranges behind each.

    scripts/calibrate.py --eth ethusdt_1h.csv --btc btcusdt_1h.csv

What no fit may see: the test windows, and seven days on each side of them (the
embargo), because volatility clusters and a neighbouring day would leak the window.
What an ordinary-times fit leaves out besides: the recorded training crash windows,
because scenarios replay those from the record.

Python 3.9 or later, no packages; about two minutes.
"""

import argparse
import csv
import datetime as dt
import math
import pathlib
import sys

HOUR = dt.timedelta(hours=1)
HOURS_PER_YEAR = 365 * 24
DATA = pathlib.Path(__file__).resolve().parent.parent / "scenarios" / "library" / "data"

# Half-open, UTC. Scenario files state the same ranges; `eval` refuses an overlap.
TEST_WINDOWS = [
    ("maker_black_thursday_2020_03_12", dt.datetime(2020, 3, 12), dt.datetime(2020, 3, 14)),
    ("crash_2024_08_05", dt.datetime(2024, 8, 4), dt.datetime(2024, 8, 6)),
]
EMBARGO = dt.timedelta(days=7)
TRAINING_WINDOWS = ["compound_dai_2020_11_26", "crash_2021_05_19", "steth_2022_06", "aave_2024_04_13"]

# A variance that reverts within about four days: measured persistence (.996) makes the
# unconditional sd exceed the sample's, and a multi-week path explode.
PERSISTENCE_CAP = 0.99

# The earlier calibration study: hourly Binance ETH 2017-08-17..2025-11-02 (71,933
# observations), BTC 2017-08-17..2024-06-16 (59,875), percent log returns, nothing excluded.
STUDY = {
    "eth_sd_percent_per_sqrt_hour": 0.979,
    "eth_skew": -0.57,
    "eth_excess_kurtosis": 27.6,
    "eth_qml_omega_percent_squared_per_hour": 0.00969,
    "eth_qml_alpha": 0.081,
    "eth_qml_beta": 0.915,
    "eth_student_alpha": 0.072,
    "eth_student_beta": 0.928,
    "eth_student_nu": 3.39,
    "btc_sd_percent_per_sqrt_hour": 0.837,
    "eth_btc_correlation": 0.804,
    "eth_quantile_0_1_percent": -6.3,
    "eth_quantile_1_percent": -2.9,
}


# ---------------------------------------------------------------- reading

def read_history(path):
    """Hourly closes by opening time (UTC), from columns datetime, open, high, low, close."""
    closes, ranges = {}, {}
    with open(path, newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            try:
                at = dt.datetime.fromisoformat(row["datetime"])
                o, h, l, c = (float(row[k]) for k in ("open", "high", "low", "close"))
            except (KeyError, TypeError, ValueError) as error:
                sys.exit(f"{path}:{line}: expected datetime,open,high,low,close: {error!r}")
            if not 0 < l <= min(o, c) <= max(o, c) <= h:
                sys.exit(f"{path}:{line}: open, close outside low..high")
            closes[at] = c
            ranges[at] = 100 * math.log(h / l)
    if not closes:
        sys.exit(f"{path}: no rows")
    return closes, ranges


def read_window(name):
    """One recorded window of the project: (start, step, [(open, high, low, close)])."""
    rows, start, times = [], None, []
    with open(DATA / f"{name}.csv") as file:
        lines = [line for line in file if not line.startswith("#")]
    for row in csv.DictReader(lines):
        times.append(dt.datetime.strptime(row["open_time_utc"], "%Y-%m-%dT%H:%M:%SZ"))
        rows.append(tuple(float(row[f"{k}_usd"]) for k in ("open", "high", "low", "close")))
    start, step = times[0], times[1] - times[0]
    return start, step, rows


def inside(at, ranges):
    return any(begin <= at < end for _, begin, end in ranges)


def segments(closes, excluded):
    """Runs of consecutive hourly percent log returns, cut at gaps and at exclusions.

    A return belongs to the hour it ends; it is dropped if either end is excluded.
    """
    runs, run, previous = [], [], None
    for at in sorted(closes):
        if inside(at, excluded):
            previous = None
        elif previous is not None and at - previous == HOUR:
            run.append((at, 100 * math.log(closes[at] / closes[previous])))
            previous = at
            continue
        else:
            previous = at
        if run:
            runs.append(run)
            run = []
    if run:
        runs.append(run)
    return runs


# ---------------------------------------------------------------- statistics

def moments(x):
    n = len(x)
    mean = math.fsum(x) / n
    d = [v - mean for v in x]
    m2 = math.fsum(v * v for v in d) / n
    m3 = math.fsum(v**3 for v in d) / n
    m4 = math.fsum(v**4 for v in d) / n
    return mean, math.sqrt(m2), m3 / m2**1.5, m4 / m2**2 - 3


def quantile(x, q):
    s = sorted(x)
    at = q * (len(s) - 1)
    low = int(at)
    return s[low] + (at - low) * (s[min(low + 1, len(s) - 1)] - s[low])


def least_squares(x, y):
    """y = intercept + slope x + residual: (slope, its robust standard error, residuals, correlation)."""
    n = len(x)
    mx, my = math.fsum(x) / n, math.fsum(y) / n
    sxx = math.fsum((a - mx) ** 2 for a in x)
    syy = math.fsum((b - my) ** 2 for b in y)
    sxy = math.fsum((a - mx) * (b - my) for a, b in zip(x, y))
    slope = sxy / sxx
    residuals = [b - my - slope * (a - mx) for a, b in zip(x, y)]
    # Heteroskedasticity-robust (HC0): hours differ in variance a hundredfold.
    error = math.sqrt(math.fsum(((a - mx) * e) ** 2 for a, e in zip(x, residuals))) / sxx
    return slope, error, residuals, sxy / math.sqrt(sxx * syy)


def nelder_mead(f, start, step, tolerance=1e-7, limit=2000):
    """The textbook downhill simplex; good enough for three smooth parameters."""
    simplex = [list(start)]
    for i in range(len(start)):
        point = list(start)
        point[i] += step[i]
        simplex.append(point)
    values = [f(p) for p in simplex]
    for _ in range(limit):
        order = sorted(range(len(simplex)), key=values.__getitem__)
        simplex, values = [simplex[i] for i in order], [values[i] for i in order]
        if values[-1] - values[0] < tolerance * (1 + abs(values[0])) and all(
            abs(a - b) < 1e-5 * (1 + abs(a)) for a, b in zip(simplex[0], simplex[-1])
        ):
            break
        centre = [sum(c) / (len(simplex) - 1) for c in zip(*simplex[:-1])]
        worst = simplex[-1]

        def along(k):
            point = [c + k * (w - c) for c, w in zip(centre, worst)]
            return f(point), point

        reflected = along(-1.0)
        if reflected[0] < values[0]:
            best = min(reflected, along(-2.0))
        elif reflected[0] < values[-2]:
            best = reflected
        else:
            best = min(along(-0.5), along(0.5))
            if best[0] >= values[-1]:
                for i in range(1, len(simplex)):
                    simplex[i] = [(a + b) / 2 for a, b in zip(simplex[0], simplex[i])]
                    values[i] = f(simplex[i])
                continue
        values[-1], simplex[-1] = best
    return simplex[0], values[0]


# ---------------------------------------------------------------- GARCH(1,1)
#
#   r_t = mean + sqrt(h_t) z_t,   h_t = omega + alpha (r_{t-1} - mean)^2 + beta h_{t-1}
#
# Each run starts from the sample variance. Parameters are searched as
# logit(persistence) and logit(alpha / persistence), so every point is admissible.

def logistic(v):
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, v))))


def logit(p):
    return math.log(p / (1 - p))


def gaussian_cost(runs, omega, alpha, beta, start_variance):
    total, log = 0.0, math.log
    for run in runs:
        h = start_variance
        for e2 in run:
            total += log(h) + e2 / h
            h = omega + alpha * e2 + beta * h
    return total / 2


def student_cost(runs, omega, alpha, beta, nu, start_variance):
    """Minus the log likelihood with unit-variance Student-t innovations (constants in e^2 and h only)."""
    n, log = sum(map(len, runs)), math.log
    constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - log(math.pi * (nu - 2)) / 2
    half, scale, total = (nu + 1) / 2, 1 / (nu - 2), 0.0
    for run in runs:
        h = start_variance
        for e2 in run:
            total += log(h) / 2 + half * log(1 + e2 / h * scale)
            h = omega + alpha * e2 + beta * h
    return total - n * constant


def fit_qml(runs, variance):
    def unpack(p):
        persistence = logistic(p[0]) * 0.99999
        alpha = persistence * logistic(p[1])
        return math.exp(p[2]), alpha, persistence - alpha

    start = [logit(0.985), logit(0.08), math.log(variance * 0.015)]
    point, cost = nelder_mead(lambda p: gaussian_cost(runs, *unpack(p), variance), start, [0.5, 0.3, 0.5])
    return (*unpack(point), cost)


def fit_targeted(runs, variance, cap):
    """QML with the unconditional variance held at the sample's and persistence at most `cap`."""
    def unpack(p):
        persistence = cap * logistic(p[0])
        alpha = persistence * logistic(p[1])
        return variance * (1 - persistence), alpha, persistence - alpha

    point, cost = nelder_mead(
        lambda p: gaussian_cost(runs, *unpack(p), variance), [logit(0.97), logit(0.08)], [0.5, 0.3]
    )
    return (*unpack(point), cost)


def fit_student(runs, variance):
    def unpack(p):
        persistence = logistic(p[0]) * 0.99999
        alpha = persistence * logistic(p[1])
        return math.exp(p[2]), alpha, persistence - alpha, 2.05 + math.exp(p[3])

    start = [logit(0.99), logit(0.08), math.log(variance * 0.01), math.log(1.5)]
    point, cost = nelder_mead(
        lambda p: student_cost(runs, *unpack(p), variance), start, [0.5, 0.3, 0.5, 0.3]
    )
    return (*unpack(point), cost)


def fit_nu(runs, omega, alpha, beta, variance):
    """Degrees of freedom of unit-variance Student-t innovations, the variance filter held fixed."""
    point, _ = nelder_mead(
        lambda p: student_cost(runs, omega, alpha, beta, 2.05 + math.exp(p[0]), variance), [math.log(1.5)], [0.3]
    )
    return 2.05 + math.exp(point[0])


def standardised(runs, omega, alpha, beta, variance):
    out = []
    for run in runs:
        h = variance
        for e in run:
            out.append(e / math.sqrt(h))
            h = omega + alpha * e * e + beta * h
    return out


def largest_variance(runs, omega, alpha, beta, variance):
    """The largest conditional variance of the filter."""
    largest = variance
    for run in runs:
        h = variance
        for e2 in run:
            largest = max(largest, h)
            h = omega + alpha * e2 + beta * h
    return largest


def fit_unit_student(z):
    """nu of a Student-t scaled to the sample's own variance."""
    variance = math.fsum(v * v for v in z) / len(z)
    return fit_nu([[v * v] for v in z], 0.0, 0.0, 0.0, variance)


# ---------------------------------------------------------------- crash hours

def crash_row(name, btc):
    start, step, rows = read_window(name)
    hours = step // HOUR
    returns = [100 * math.log(c / o) for o, _, _, c in rows]
    closes = [rows[0][0]] + [c for *_, c in rows]

    def worst(span_hours):
        k = max(1, span_hours // hours)
        return min(100 * math.log(closes[i + k] / closes[i]) for i in range(len(closes) - k))

    peak, trough = rows[0][0], 0.0
    for o, h, l, c in rows:
        trough = min(trough, 100 * (l / peak - 1))
        peak = max(peak, c)
    row = {
        "window": name,
        "start_utc": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "end_utc": (start + step * len(rows)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "step_hours": hours,
        "eth_sd_percent_per_sqrt_hour": math.sqrt(sum(r * r for r in returns) / len(returns) / hours),
        "eth_worst_step_percent": min(returns),
        "eth_worst_4_hours_percent": worst(4),
        "eth_worst_24_hours_percent": worst(24) if len(rows) * hours >= 24 else None,
        "eth_largest_fall_from_earlier_close_to_low_percent": trough,
        "eth_mean_log_high_over_low_percent": sum(100 * math.log(h / l) for _, h, l, _ in rows) / len(rows),
    }
    pairs = []
    for i, r in enumerate(returns):
        first, last = start + i * step - HOUR, start + (i + 1) * step - HOUR
        if first in btc and last in btc:
            pairs.append((r, 100 * math.log(btc[last] / btc[first])))
    if len(pairs) == len(returns):
        slope, _, residuals, correlation = least_squares(*zip(*pairs))
        row["btc_beta_to_eth"] = slope
        row["btc_residual_sd_percent_per_sqrt_hour"] = moments(residuals)[1] / math.sqrt(hours)
        row["eth_btc_correlation"] = correlation
    return row


# ---------------------------------------------------------------- writing

def number(v):
    if v is None:
        return "None"
    if isinstance(v, (int, str)):
        return f'"{v}"' if isinstance(v, str) else str(v)
    text = f"{v:.5g}"
    return text if "." in text or "e" in text else text + ".0"


def record(fields, indent, comments=None):
    pad = " " * indent
    out = []
    for key, value in fields.items():
        note = f" // {comments[key]}" if comments and key in comments else ""
        out.append(f"{pad}{key}: {number(value)},{note}")
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(
        description="Fits the ordinary-times price processes. The hourly histories are not part of the project: "
        "CSV with columns datetime (UTC, opening time), open, high, low, close."
    )
    parser.add_argument("--eth", required=True, metavar="CSV", help="hourly ETH in USD(T)")
    parser.add_argument("--btc", required=True, metavar="CSV", help="hourly BTC in USD(T)")
    parser.add_argument("--out", default=DATA / "calibration.ron", type=pathlib.Path, metavar="FILE")
    options = parser.parse_args()

    embargoed = [(name, begin - EMBARGO, end + EMBARGO) for name, begin, end in TEST_WINDOWS]
    crashes = []
    for name in TRAINING_WINDOWS:
        start, step, rows = read_window(name)
        if any(start < end and begin < start + step * len(rows) for _, begin, end in embargoed):
            sys.exit(f"{name} overlaps a test window or its embargo")
        crashes.append((name, start, start + step * len(rows)))

    eth, eth_ranges = read_history(options.eth)
    btc, _ = read_history(options.btc)

    # (a) ETH
    excluded = embargoed + crashes
    eth_runs = segments(eth, excluded)
    returns = [r for run in eth_runs for _, r in run]
    mean, sd, skew, kurtosis = moments(returns)
    errors = [[r - mean for _, r in run] for run in eth_runs]
    squares = [[e * e for e in run] for run in errors]
    print(f"ETH: {len(returns)} hours, sd {sd:.4f} %", file=sys.stderr)
    chosen = fit_targeted(squares, sd * sd, PERSISTENCE_CAP)
    nu = fit_nu(squares, *chosen[:3], sd * sd)
    z_mean, z_sd, _, z_kurtosis = moments(standardised(errors, *chosen[:3], sd * sd))
    print(f"  chosen: alpha {chosen[1]:.4f} beta {chosen[2]:.4f} nu {nu:.3f}", file=sys.stderr)
    free = fit_qml(squares, sd * sd)
    print(f"  QML: omega {free[0]:.5f} alpha {free[1]:.4f} beta {free[2]:.4f}", file=sys.stderr)
    joint = fit_student(squares, sd * sd)
    print(f"  t: omega {joint[0]:.5f} alpha {joint[1]:.4f} beta {joint[2]:.4f} nu {joint[3]:.3f}", file=sys.stderr)
    with_crashes = [r for run in segments(eth, embargoed) for _, r in run]
    _, crash_sd, crash_skew, crash_kurtosis = moments(with_crashes)
    ordinary_ranges = [eth_ranges[at] for run in eth_runs for at, _ in run]

    # (b) BTC given ETH, on the hours both have
    btc_runs = segments(btc, excluded)
    eth_at = {at: r for run in eth_runs for at, r in run}
    both = [(at, eth_at[at], r) for run in btc_runs for at, r in run if at in eth_at]
    x, y = [e for _, e, _ in both], [b for _, _, b in both]
    slope, slope_error, residuals, correlation = least_squares(x, y)
    _, residual_sd, residual_skew, residual_kurtosis = moments(residuals)
    residual_nu = fit_unit_student(residuals)
    btc_sd = moments(y)[1]
    large = [(a, b) for a, b in zip(x, y) if a < quantile(x, 0.01)]
    tail_beta = sum(a * b for a, b in large) / sum(a * a for a, b in large)
    print(f"BTC: {len(both)} hours, beta {slope:.4f}, residual sd {residual_sd:.4f} %", file=sys.stderr)

    rows = [crash_row(name, btc) for name in TRAINING_WINDOWS]

    here = {
        "eth_sd_percent_per_sqrt_hour": crash_sd,
        "eth_skew": crash_skew,
        "eth_excess_kurtosis": crash_kurtosis,
        "eth_quantile_1_percent": quantile(with_crashes, 0.01),
        "eth_quantile_0_1_percent": quantile(with_crashes, 0.001),
        "eth_qml_omega_percent_squared_per_hour": free[0],
        "eth_qml_alpha": free[1],
        "eth_qml_beta": free[2],
        "eth_student_alpha": joint[1],
        "eth_student_beta": joint[2],
        "eth_student_nu": joint[3],
        "btc_sd_percent_per_sqrt_hour": btc_sd,
        "eth_btc_correlation": correlation,
    }

    def iso(at):
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def ranges(items, indent):
        pad = " " * indent
        return "\n".join(f'{pad}(name: "{n}", start_utc: "{iso(a)}", end_utc: "{iso(b)}"),' for n, a, b in items)

    first = eth_runs[0][0][0] - HOUR
    last = eth_runs[-1][-1][0] + HOUR
    text = f"""\
// Ordinary-times price processes, fitted by scripts/calibrate.py. Do not edit: run it again.
// Log returns in percent, close to close, hourly. The histories themselves are not part of the project.
(
    schema: 1,
    source: (
        eth: "Binance spot ETHUSDT, hourly; github andrewsiah/crypto-historical-data, wanglz111/martingale-multi-spot-bot",
        btc: "Binance BTCUSDT, hourly, spot and (after 2021) the perpetual contract; github Emanuel-Goldman/data-report, wanglz111/martingale-multi-spot-bot",
    ),
    eth_history: (start_utc: "{iso(first)}", end_utc: "{iso(last)}"),
    btc_history: (start_utc: "{iso(min(btc))}", end_utc: "{iso(max(btc) + HOUR)}"),
    // Ranges are half-open: [start, end). No fit saw these: each test window and {EMBARGO.days} days on either side.
    embargo_days: {EMBARGO.days},
    excluded_test_windows_with_embargo: [
{ranges(embargoed, 8)}
    ],
    // Left out of the ordinary-times fits because scenarios replay them from the record.
    excluded_training_windows: [
{ranges(crashes, 8)}
    ],

    // r = mean + sqrt(h) z,  h' = omega + alpha (r - mean)^2 + beta h,  z Student-t(nu) scaled to unit variance.
    // Gaussian quasi-likelihood with the unconditional variance held at the sample's and alpha + beta <= {PERSISTENCE_CAP};
    // then nu by maximum likelihood with that variance filter held fixed.
    eth_garch: (
{record({
    "observations": len(returns),
    "mean_percent_per_hour": mean,
    "unconditional_sd_percent_per_sqrt_hour": sd,
    "unconditional_vol_per_sqrt_year": sd / 100 * math.sqrt(HOURS_PER_YEAR),
    "omega_percent_squared_per_hour": chosen[0],
    "alpha": chosen[1],
    "beta": chosen[2],
    "nu": nu,
    "standardised_sd": z_sd,
    "standardised_excess_kurtosis": z_kurtosis,
    "largest_conditional_over_unconditional_variance": largest_variance(squares, *chosen[:3], sd * sd) / sd**2,
    "mean_log_high_over_low_percent": math.fsum(ordinary_ranges) / len(ordinary_ranges),
}, 8, {
    "mean_percent_per_hour": "in-sample drift: a scenario sets its own (0 unless stated)",
    "standardised_sd": "1 if the filter is right",
    "unconditional_vol_per_sqrt_year": "the same, 365-day year, as a fraction",
})}
    ),
    // The same hours without the cap and the target, for comparison only.
    eth_garch_uncapped_qml: (
{record({"omega_percent_squared_per_hour": free[0], "alpha": free[1], "beta": free[2],
         "log_likelihood_gain_over_chosen": chosen[3] - free[3]}, 8)}
    ),
    eth_garch_uncapped_student: (
{record({"omega_percent_squared_per_hour": joint[0], "alpha": joint[1], "beta": joint[2], "nu": joint[3]}, 8)}
    ),

    // BTC return = beta x ETH return + residual; the residual is Student-t(nu) scaled to its sd.
    btc_given_eth: (
{record({
    "observations": len(both),
    "start_utc": iso(both[0][0] - HOUR),
    "end_utc": iso(both[-1][0] + HOUR),
    "beta": slope,
    "beta_standard_error": slope_error,
    "residual_sd_percent_per_sqrt_hour": residual_sd,
    "residual_vol_per_sqrt_year": residual_sd / 100 * math.sqrt(HOURS_PER_YEAR),
    "residual_nu": residual_nu,
    "residual_excess_kurtosis": residual_kurtosis,
    "btc_sd_percent_per_sqrt_hour": btc_sd,
    "eth_btc_correlation": correlation,
    "beta_in_worst_percent_of_eth_hours": tail_beta,
}, 8, {"beta_in_worst_percent_of_eth_hours": f"the slope through the origin over those {len(large)} hours"})}
    ),

    // The recorded training crashes. BTC columns only where BTC has a record. sd per square root of one hour.
    training_crashes: [
""" + "\n".join("        (\n" + record(row, 12) + "\n        )," for row in rows) + """
    ],

    // The earlier study fitted hourly ETH 2017-08-17..2025-11-02 (71,933 observations) and BTC ..2024-06-16
    // (59,875) with nothing excluded, crashes and test windows too. `here` includes the training crashes for
    // the unconditional figures (all but the test windows), and not for the GARCH and BTC figures.
    compared_with_study: [
""" + "\n".join(
        f'        (figure: "{key}", here: {number(here[key])}, study: {number(STUDY[key])}, '
        f"difference_percent: {number(100 * (here[key] / STUDY[key] - 1))}),"
        for key in here
    ) + """
    ],
)
"""
    partial = options.out.with_suffix(".ron.tmp")
    partial.write_text(text)
    partial.replace(options.out)
    print(f"wrote {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
