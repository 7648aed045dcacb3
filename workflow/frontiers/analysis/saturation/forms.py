"""Forms of accuracy over log10 compute, fitted on binomial counts.

Accuracy itself is modelled, not its log-odds: a plateau below 1 is then a straight line, which in log-odds
it would not be for a form that also passes through 0. Every form is a weighted mean of k values, `H v`, with
weights `H >= 0` that sum to 1 over k, so that values between 0 and 1 give accuracies between 0 and 1:

- none: values at the first and the last compute, linear between
- one_break, two_breaks: values also at the breaks (hat functions; the segmented regression of Muggeo 2003,
  Stat. Med. 22, 3055, continuous at the break)
- saturating_exponential: values at both ends, weight (1 - exp(-l (x - x0))) / (1 - exp(-l R)) on the last
- inverted_u: Bernstein polynomials of degree 2 over the range; the middle value may reach 2

Breaks and rates are searched on a grid, on which v is found by Fisher scoring for all grid points at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import minimize

FORMS = ("none", "one_break", "two_breaks", "saturating_exponential", "inverted_u")
ITERATIONS = 8
BREAK_GRID, PAIR_GRID, RATE_GRID = 200, 56, 100
ENOUGH = {"none": 3, "one_break": 5, "two_breaks": 7, "saturating_exponential": 4, "inverted_u": 4}


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


def _exponential(x: np.ndarray) -> Form:
    """Return the saturating exponential; its "break" is where 95 % of the final gain is reached."""
    span = x[-1] - x[0]
    rates = (np.geomspace(0.3, 60, RATE_GRID) / span)[:, None]
    late = -np.expm1(-rates * (x - x[0])) / -np.expm1(-rates * span)

    def describe(shape: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rate, gain = shape[:, 0], values[:, 1] - values[:, 0]
        at = x[0] + np.log(20) / rate
        start = gain * rate / -np.expm1(-rate * span)
        return np.where(at < x[-1], at, np.nan), start, start * np.exp(-rate * span)

    return Form("saturating_exponential", np.stack([1 - late, late], axis=2), rates, np.ones(2), describe)


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
        forms["saturating_exponential"] = _exponential(x)
        forms["inverted_u"] = _inverted_u(x)
    if len(x) >= ENOUGH["one_break"]:
        inner = x[1:-1]
        grid = np.union1d(np.linspace(inner[0], inner[-1], BREAK_GRID), inner)
        forms["one_break"] = _segmented("one_break", x, grid[:, None])
    if len(x) >= ENOUGH["two_breaks"]:
        grid = np.union1d(np.linspace(inner[0], inner[-1], PAIR_GRID), inner)
        pairs = [(a, b) for a, b in combinations(grid, 2) if ((inner >= a) & (inner <= b)).any()]
        forms["two_breaks"] = _segmented("two_breaks", x, np.array(pairs))
    return {name: forms[name] for name in FORMS if name in forms}


def _log_likelihood(p: np.ndarray, y: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the binomial log-likelihood (without its constant) summed over the last axis."""
    return (n * (y * np.log(p) + (1 - y) * np.log1p(-p))).sum(axis=-1)


def _clip(p: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Keep accuracies half an answer away from 0 and 1, where a binomial has no variance."""
    half = 0.5 / (n.max() + 1)
    return np.clip(p, half, 1 - half)


def score(form: Form, y: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log-likelihoods (J, G) and values (J, G, k) at every choice of the form's shape.

    `y`: accuracies (K,). `n`: trials (J, K); a 0 leaves the point out. Fisher scoring with the values kept
    within their bounds; a value that no point tells anything about falls to the mean accuracy.
    """
    h, k = form.designs[None], form.designs.shape[2]
    n, centre = n[:, None, :], float(np.average(y, weights=n[0]))
    weight = n / (lambda p: p * (1 - p))(_clip(np.broadcast_to(y, n.shape), n))
    best = np.full((n.shape[0], h.shape[1]), -np.inf)
    values = np.zeros((*best.shape, k))
    for _ in range(ITERATIONS):
        weighted = np.broadcast_to(weight, (*best.shape, len(y)))[..., None] * h
        ridge = 1e-9 * float(n.max())
        left = np.swapaxes(weighted, -1, -2) @ h + ridge * np.eye(k)
        right = np.einsum("jgkv,k->jgv", weighted, y) + ridge * centre
        v = np.clip(np.linalg.solve(left, right[..., None])[..., 0], 0, form.upper)
        p = _clip((h @ v[..., None])[..., 0], n)
        reached = _log_likelihood(p, y, n)
        better = reached > best
        best, values = np.where(better, reached, best), np.where(better[..., None], v, values)
        weight = n / (p * (1 - p))
    return best, values


def allowed(form: Form, values: np.ndarray) -> np.ndarray:
    """Return where values (..., k) have the shape the name says: rising, or up and down again."""
    if form.name == "saturating_exponential":
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
    choice = int(np.argmax(likelihoods))
    if not np.isfinite(likelihoods[choice]):
        return None
    h = form.designs[choice]

    def loss(v: np.ndarray) -> tuple[float, np.ndarray]:
        raw = h @ v
        p = _clip(raw, n)
        slope = np.where(p == raw, n * (y - p) / (p * (1 - p)), 0.0)
        return -float(_log_likelihood(p, y, n)), -(slope @ h)

    start = values[choice]
    polished = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, u) for u in form.upper])
    reached, v = float(likelihoods[choice]), start
    if -polished.fun > reached and allowed(form, polished.x):
        reached, v = -float(polished.fun), polished.x
    bic = form.parameters * float(np.log(n.sum())) - 2 * reached
    return Fit(form, reached, bic, choice, v)


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
