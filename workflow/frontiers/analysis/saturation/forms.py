"""Forms of accuracy over log10 compute, fitted on binomial counts.

Accuracy itself is modelled, not its log-odds: a plateau below 1 is then a straight line, which in log-odds
it would not be for a form that also passes through 0. Every form is a weighted mean of k values, `H v`, with
weights `H >= 0` that sum to 1 over k, so that values between 0 and 1 give accuracies between 0 and 1:

- none: values at the first and the last compute, linear between
- one_break, two_breaks: values also at the breaks (hat functions; the segmented regression of Muggeo 2003,
  Stat. Med. 22, 3055, continuous at the break)
- saturating_exponential: values at both ends, weight (1 - exp(-l (x - x0))) / (1 - exp(-l R)) on the last; over
  compute C itself a power law that runs towards a ceiling, a - b C^-g
- power_law: the same with l < 0, which rises ever faster: a + b C^g
- michaelis_menten: values at no and at endless compute, weight C / (C + M) on the second
- logistic: the same with weight 1 / (1 + (M / C)^h), a logistic function of x
- inverted_u: Bernstein polynomials of degree 2 over the range; the middle value may reach 2

Breaks, rates and midpoints are searched on a grid, on which v is found by Fisher scoring for all grid points at once.
Values stay half an answer away from 0 and 1. Except for inverted_u no accuracy then leaves that range, and the
likelihood at a point of the grid is concave in v: it has one maximum, which any ascent reaches.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

ITERATIONS = 10
POLISHED = 3
"""Choices on the grid, the best, whose values are found to full precision."""
BREAK_GRID, PAIR_GRID, RATE_GRID, MIDPOINT_GRID, STEEPNESS_GRID = 200, 56, 100, 60, 30
BEYOND = 1.5
"""Decades beyond the first and the last compute at which the midpoint of a smooth rise may lie."""
ENOUGH = {
    "none": 3,
    "one_break": 5,
    "two_breaks": 7,
    "saturating_exponential": 4,
    "power_law": 4,
    "michaelis_menten": 4,
    "logistic": 5,
    "inverted_u": 4,
}
"""Form -> the fewest points it is fitted to."""
LEVELLING = ("saturating_exponential", "michaelis_menten", "logistic")
"""Smooth forms that run towards a ceiling; their "break" is where 95 % of the rise is reached."""


@dataclass(frozen=True)
class Form:
    """A form on the K points of a curve: G choices of its non-linear parameters.

    designs: (G, K, k) weights. shape: (G, p) breaks in log10 FLOPs, rate per decade, or nothing (p = 0).
    upper: (k,) largest values. describe: from shapes (N, p) and values (N, k), the last break (log10 FLOPs)
    and the slopes before and after it (accuracy per decade), each (N,).
    """

    name: str
    designs: np.ndarray
    shape: np.ndarray
    upper: np.ndarray
    describe: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]

    @property
    def parameters(self) -> int:
        """Number of free parameters, breaks and rates included."""
        return self.designs.shape[2] + self.shape.shape[1]


@dataclass(frozen=True)
class Fit:
    """A fitted form: log-likelihood, BIC, index on the grid and values (k,)."""

    form: Form
    log_likelihood: float
    bic: float
    choice: int
    values: np.ndarray


def _hats(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Return the hat functions of rows of ascending `knots` (G, k) at `x` (K,), as (G, K, k)."""
    start, end = knots[:, None, :-1], knots[:, None, 1:]
    passed = np.clip((x[:, None] - start) / (end - start), 0.0, 1.0)
    edge = np.ones((*passed.shape[:2], 1))
    return np.concatenate([edge, passed], axis=2) - np.concatenate([passed, 0 * edge], axis=2)


def _segmented(name: str, x: np.ndarray, breaks: np.ndarray) -> Form:
    """Return the form with the breaks (G, p), p = 0, 1 or 2."""
    ends = np.broadcast_to(x[[0, -1]], (len(breaks), 2))
    knots = np.concatenate([ends[:, :1], breaks, ends[:, 1:]], axis=1)
    designs = _hats(x, knots)

    def describe(shape: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        first, last = (np.full((len(values), 1), end) for end in x[[0, -1]])
        at = np.concatenate([first, shape, last], axis=1)
        slopes = np.diff(values, axis=1) / np.diff(at, axis=1)
        nothing = np.full(len(values), np.nan)
        if not shape.shape[1]:
            return nothing, nothing, slopes[:, -1]
        return shape[:, -1], slopes[:, -2], slopes[:, -1]

    return Form(name, designs, breaks, np.ones(designs.shape[2]), describe)


def _exponential(name: str, x: np.ndarray, sign: int) -> Form:
    """Return the saturating exponential (`sign` 1) or the power law that rises ever faster (-1, without a "break")."""
    span = x[-1] - x[0]
    rates = sign * (np.geomspace(0.3, 60, RATE_GRID) / span)[:, None]
    late = np.expm1(-rates * (x - x[0])) / np.expm1(-rates * span)

    def describe(shape: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rate, gain = shape[:, 0], values[:, 1] - values[:, 0]
        at = x[0] + np.log(20) / rate
        start = gain * rate / -np.expm1(-rate * span)
        return np.where((rate > 0) & (at < x[-1]), at, np.nan), start, start * np.exp(-rate * span)

    return Form(name, np.stack([1 - late, late], axis=2), rates, np.ones(2), describe)


def _sigmoid(name: str, x: np.ndarray, shape: np.ndarray) -> Form:
    """Return the form that rises as 1 / (1 + exp(-h (x - m))); `shape` has m and h (G, 2), or m alone with h = ln 10.

    Its slope "before" is the steepest within the range, that "after" the one at the end.
    """

    def midpoint_and_rate(shape: np.ndarray) -> tuple[np.ndarray, np.ndarray | float]:
        return shape[:, 0], shape[:, 1] if shape.shape[1] > 1 else np.full(len(shape), np.log(10))

    middle, rate = midpoint_and_rate(shape)
    late = expit(rate[:, None] * (x - middle[:, None]))

    def describe(shape: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        middle, rate = midpoint_and_rate(shape)
        scale = (values[:, 1] - values[:, 0]) * rate

        def slope(at: np.ndarray) -> np.ndarray:
            reached = expit(rate * (at - middle))
            return scale * reached * (1 - reached)

        at = middle + np.log(19) / rate
        at = np.where((at > x[0]) & (at < x[-1]), at, np.nan)
        return at, slope(np.clip(middle, x[0], x[-1])), slope(np.full(len(middle), x[-1]))

    return Form(name, np.stack([1 - late, late], axis=2), shape, np.ones(2), describe)


def _inverted_u(x: np.ndarray) -> Form:
    """Return the parabola; its "break" is the vertex, its slopes those at both ends."""
    span = x[-1] - x[0]
    t = (x - x[0]) / span
    design = np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], axis=1)

    def describe(shape: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        first, last = values[:, 1] - values[:, 0], values[:, 2] - values[:, 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            at = np.where((first > 0) & (last < 0), first / (first - last), np.nan)
        return x[0] + at * span, 2 * first / span, 2 * last / span

    return Form("inverted_u", design[None], np.empty((1, 0)), np.array([1.0, 2.0, 1.0]), describe)


def build_forms(x: np.ndarray) -> dict[str, Form]:
    """Return the forms that K ascending values of log10 FLOPs can tell apart, by name.

    A form needs more points than it has parameters (3 for none). Breaks lie between the second and the last
    but one point, so that each segment has two points; two breaks have a point between them.
    """
    forms = {}
    if len(x) >= ENOUGH["none"]:
        forms["none"] = _segmented("none", x, np.empty((1, 0)))
    if len(x) >= ENOUGH["saturating_exponential"]:
        forms["saturating_exponential"] = _exponential("saturating_exponential", x, 1)
        forms["power_law"] = _exponential("power_law", x, -1)
        middles = np.linspace(x[0] - BEYOND, x[-1] + BEYOND, 2 * MIDPOINT_GRID)
        forms["michaelis_menten"] = _sigmoid("michaelis_menten", x, middles[:, None])
        forms["inverted_u"] = _inverted_u(x)
    if len(x) >= ENOUGH["logistic"]:
        span = x[-1] - x[0]
        middles = np.linspace(x[0] - span / 4, x[-1] + span / 4, MIDPOINT_GRID)
        rates = np.geomspace(2, 60, STEEPNESS_GRID) / span
        grid = np.stack(np.meshgrid(middles, rates), axis=-1).reshape(-1, 2)
        forms["logistic"] = _sigmoid("logistic", x, grid)
    if len(x) >= ENOUGH["one_break"]:
        inner = x[1:-1]
        grid = np.union1d(np.linspace(inner[0], inner[-1], BREAK_GRID), inner)
        forms["one_break"] = _segmented("one_break", x, grid[:, None])
    if len(x) >= ENOUGH["two_breaks"]:
        grid = np.union1d(np.linspace(inner[0], inner[-1], PAIR_GRID), inner)
        pairs = [(a, b) for a, b in combinations(grid, 2) if ((inner >= a) & (inner <= b)).any()]
        forms["two_breaks"] = _segmented("two_breaks", x, np.array(pairs))
    return {name: forms[name] for name in ENOUGH if name in forms}


def _log_likelihood(p: np.ndarray, y: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the binomial log-likelihood (without its constant) summed over the last axis."""
    return (n * (y * np.log(p) + (1 - y) * np.log1p(-p))).sum(axis=-1)


def _margin(n: np.ndarray) -> float:
    """Return half an answer: accuracies stay that far from 0 and 1, where a binomial has no variance."""
    return 0.5 / (n.max() + 1)


def _clip(p: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Keep accuracies half an answer away from 0 and 1."""
    return np.clip(p, _margin(n), 1 - _margin(n))


def score(form: Form, y: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log-likelihoods (J, G) and values (J, G, k) at every choice of the form's shape.

    `y`: accuracies (K,). `n`: trials (J, K); a 0 leaves the point out. Fisher scoring from the mean accuracy: a value
    at a bound that the likelihood would leave is held there, and a step that does not improve is shortened. A value
    that no point tells anything about stays at the mean accuracy.
    """
    h, k = form.designs[None], form.designs.shape[2]
    n, centre = n[:, None, :], float(np.average(y, weights=n[0]))
    lower, upper = _margin(n), form.upper - _margin(n)
    values = np.clip(np.full((n.shape[0], h.shape[1], k), centre), lower, upper)
    p = _clip((h @ values[..., None])[..., 0], n)
    best, length = _log_likelihood(p, y, n), np.ones(values.shape[:2])
    ridge = 1e-9 * float(n.max())
    for _ in range(ITERATIONS):
        weight = n / (p * (1 - p))
        uphill = np.einsum("jgkv,jgk->jgv", np.broadcast_to(h, (len(n), *h.shape[1:])), weight * (y - p))
        held = ((values <= lower) & (uphill < 0)) | ((values >= upper) & (uphill > 0))
        weighted = weight[..., None] * h
        left = np.swapaxes(weighted, -1, -2) @ h + ridge * np.eye(k)
        firm = 1e6 * np.trace(left, axis1=-2, axis2=-1)[..., None] * held
        right = np.where(held, 0.0, uphill + ridge * (centre - values))
        step = np.linalg.solve(left + firm[..., None] * np.eye(k), right[..., None])[..., 0]
        tried = np.clip(values + length[..., None] * step, lower, upper)
        p_tried = _clip((h @ tried[..., None])[..., 0], n)
        reached = _log_likelihood(p_tried, y, n)
        better = reached > best
        settled = not (reached > best + 1e-7).any()
        best = np.where(better, reached, best)
        values, p = (np.where(better[..., None], new, old) for new, old in ((tried, values), (p_tried, p)))
        length = np.where(better, 1.0, length / 4)
        if settled:
            break
    return best, values


def allowed(form: Form, values: np.ndarray) -> np.ndarray:
    """Return where values (..., k) have the shape the name says: rising, or up and down again."""
    if form.name in (*LEVELLING, "power_law"):
        return values[..., 1] >= values[..., 0]
    if form.name == "inverted_u":
        return (values[..., 1] > values[..., 0]) & (values[..., 1] > values[..., 2])
    return np.ones(values.shape[:-1], bool)


def fit_form(form: Form, y: np.ndarray, n: np.ndarray) -> Fit | None:
    """Return the maximum-likelihood fit, None when no allowed choice exists.

    BIC = parameters · log(total trials) - 2 log-likelihood. The caps of one problem are not independent; in
    paired traces their differences vary less than this likelihood expects, so breaks are accepted too
    rarely rather than too often.
    """
    likelihoods, values = (a[0] for a in score(form, y, n[None]))
    likelihoods = np.where(allowed(form, values), likelihoods, -np.inf)
    best = [int(i) for i in np.argsort(-likelihoods, kind="stable")[:POLISHED] if np.isfinite(likelihoods[i])]
    if not best:
        return None
    found = [(choice, *_polished(form, choice, values[choice], y, n)) for choice in best]
    choice, reached, v = max(found, key=lambda one: one[1])
    bic = form.parameters * float(np.log(n.sum())) - 2 * reached
    return Fit(form, reached, bic, choice, v)


def _polished(
    form: Form, choice: int, start: np.ndarray, y: np.ndarray, n: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the largest log-likelihood at one choice of the shape and its values (k,), from `start`."""
    h = form.designs[choice]

    def loss(v: np.ndarray) -> tuple[float, np.ndarray]:
        raw = h @ v
        p = _clip(raw, n)
        slope = np.where(np.isclose(p, raw, rtol=0, atol=1e-12), n * (y - p) / (p * (1 - p)), 0.0)
        return -float(_log_likelihood(p, y, n)), -(slope @ h)

    bounds = [(_margin(n), u - _margin(n)) for u in form.upper]
    end = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13, "gtol": 1e-8}
    )
    if -end.fun > -loss(start)[0] and allowed(form, end.x):
        return -float(end.fun), end.x
    return -loss(start)[0], start


def left_out(form: Form, y: np.ndarray, n: np.ndarray) -> float:
    """Return the log-likelihood per trial of inner points, each predicted from the other points (K >= 3)."""
    inner = np.arange(1, len(y) - 1)
    without = np.tile(n, (len(inner), 1))
    without[np.arange(len(inner)), inner] = 0
    likelihoods, values = score(form, y, without)
    likelihoods = np.where(allowed(form, values), likelihoods, -np.inf)
    choice = likelihoods.argmax(axis=1)
    v = values[np.arange(len(inner)), choice]
    p = _clip((form.designs[choice, inner] * v).sum(axis=1), n)
    return float(_log_likelihood(p, y[inner], n[inner]) / n[inner].sum())


def refit(fit: Fit, y: np.ndarray, n: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit the form to every row of `draws` (D, K): return shapes (D, p) and values (D, k).

    Least squares with the weights n / (p (1 - p)) of the fit to the data itself, held fixed over the draws:
    then the best value of the criterion at every choice and draw is one product of matrices.
    """
    h = fit.form.designs
    p = _clip(h[fit.choice] @ fit.values, n)
    weight = n / (p * (1 - p))
    left = np.swapaxes(h * weight[:, None], 1, 2) @ h
    left += 1e-9 * float(n.max()) * np.eye(h.shape[2])
    right = np.swapaxes(h * weight[:, None], 1, 2)
    root = np.linalg.solve(np.linalg.cholesky(left), right)
    solve = np.linalg.solve(left, right)
    values = np.empty((len(draws), h.shape[2]))
    choice = np.empty(len(draws), int)
    step = max(1, 4_000_000 // (h.shape[0] * h.shape[2]))
    for start in range(0, len(draws), step):
        part = draws[start : start + step]
        explained = (np.tensordot(part, root, axes=(1, 2)) ** 2).sum(axis=2)
        choice[start : start + step] = explained.argmax(axis=1)
        values[start : start + step] = (solve[choice[start : start + step]] @ part[..., None])[..., 0]
    return fit.form.shape[choice], np.clip(values, 0, fit.form.upper)
