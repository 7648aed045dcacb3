"""What each policy answers and what it spends, by problem.

All policies run forward: what one does depends only on tokens that it has paid for. An answer asked for in between
costs the tokens that end the trace and those of the answer; the trace goes on from the engine's cache, which is
assumed to hold it, so that no token of it is computed twice. What is returned is (problems,): the share of right
answers over the samples, and the mean FLOP.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from frontiers.analysis.policies.curves import UNREAD, Curve
from frontiers.core.keys import cap_text

Outcome = tuple[np.ndarray, np.ndarray]


class Settings(NamedTuple):
    """Settings of a policy by name, with their outcomes on all problems, (settings, problems)."""

    names: Sequence[str]
    right: np.ndarray
    flops: np.ndarray


Options = Callable[[np.ndarray], Settings]
"""From which problems choose, (problems,), to the settings to choose from."""


def settings(found: Sequence[tuple[str, Outcome]]) -> Settings:
    """Return the settings of named outcomes."""
    names, outcomes = zip(*found, strict=True)
    right, flops = (np.array(values) for values in zip(*outcomes, strict=True))
    return Settings(names, right, flops)


def fixed(found: Sequence[tuple[str, Outcome]]) -> Options:
    """Return options that learn nothing: the same whichever problems choose."""
    known = settings(found)
    return lambda _: known


@dataclass(frozen=True)
class Policy:
    """How a policy is called and drawn."""

    label: str
    colour: str


POLICIES = {
    "agreement": Policy("stop when answers agree", "#0072b2"),
    "fallback": Policy("fall back to no reasoning", "#d55e00"),
    "learned": Policy("learned cap", "#009e73"),
    "first_finish": Policy("first to finish", "#cc79a7"),
    "consistency": Policy("vote until agreed", "#e69f00"),
    "cascade": Policy("ask a larger model", "#332288"),
}
PRICES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""What a learned cap pays for compute, in units of the slope from the cheapest to the dearest cap."""


def of_one_model(curve: Curve) -> Iterator[tuple[str, Options]]:
    """Yield the policies that one curve allows, with their settings."""
    caps, places = curve.caps, curve.thinking
    agreeing = [
        (f"{k} answers from {cap_text(caps[start])}", agreement(curve, int(start), k))
        for k in (2, 3)
        for start in places[: 1 - k]
    ]
    if agreeing:
        yield "agreement", fixed(agreeing)
    if caps[0] == 0:
        back = [(cap_text(caps[i]), fallback(curve, int(i))) for i in places if np.isfinite(caps[i])]
        yield "fallback", fixed(back)
    if len(places) > 2:
        yield "learned", lambda choosing: learned(curve, choosing)
    samples = curve.right.shape[1]
    if samples > 1:
        sizes = [n for n in (2, 4, 8, 16) if n <= samples]
        first = [(f"of {n}", first_finish(curve, n)) for n in sizes]
        yield "first_finish", fixed(first)
    if samples > 2:
        votings = [
            (f"{votes} votes, {cap_text(caps[i])}", consistency(curve, int(i), votes))
            for i in range(len(caps))
            for votes in (2, 3, 4)
            if votes < samples
        ]
        yield "consistency", fixed(votings)


def _mean(right: np.ndarray, flops: np.ndarray) -> Outcome:
    return right.mean(axis=1), flops.mean(axis=1)


def _at(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the values at one cap per problem and sample."""
    return np.take_along_axis(values, place[..., None], axis=2)[..., 0]


def agreement(curve: Curve, start: int, k: int) -> Outcome:
    """Answer at each cap from `start` on; stop when the last `k` answers agree or the trace has ended."""
    return _mean(*stopped(curve, start, k)[1:])


def stopped(curve: Curve, start: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where `agreement` stops, whether it is right, and its FLOP, each (problems, samples)."""
    classes, stop = curve.classes, curve.ended.copy()
    for j in range(start + k - 1, len(curve.caps)):
        last = classes[..., j - k + 1 : j + 1]
        stop[..., j] |= (last[..., -1] != UNREAD) & (last == last[..., :1]).all(axis=-1)
    stop[..., :start], stop[..., -1] = False, True
    place = stop.argmax(axis=2)
    asked = np.cumsum(curve.answer, axis=2) - curve.answer
    earlier = _at(asked, place) - asked[..., start]
    return place, _at(curve.right, place), _at(curve.flops, place) + earlier


def fallback(curve: Curve, cap: int) -> Outcome:
    """Reason up to a cap; if the trace has not ended, answer without reasoning, from a prompt read anew."""
    ended = curve.ended[..., cap]
    given_up = curve.flops[..., cap] - curve.answer[..., cap] + curve.flops[..., 0]
    return _mean(
        np.where(ended, curve.right[..., cap], curve.right[..., 0]),
        np.where(ended, curve.flops[..., cap], given_up),
    )


def learned(curve: Curve, choosing: np.ndarray) -> Settings:
    """Answer at two caps; how far to go on depends on whether they agree and on whether the prompt is long.

    Each of the four kinds of problems gets the cap of most accuracy less price times FLOP on the problems that
    choose; a trace that has ended goes no further.
    """
    found = []
    long = curve.prefill > np.median(curve.prefill[choosing])
    for start in curve.thinking[:-2]:
        second = start + 1
        same = (curve.classes[..., start] == curve.classes[..., second]) & (
            curve.classes[..., start] != UNREAD
        )
        kind = 2 * same + long[:, None]
        asked = np.where(curve.ended[..., start], 0.0, curve.answer[..., start])
        on = ~curve.ended[..., second]
        spent = curve.flops[..., second:] + asked[..., None]
        spent[..., 1:] += np.where(on, curve.answer[..., second], 0.0)[..., None]
        right = curve.right[..., second:]
        accuracy, price = right[choosing].mean(axis=(0, 1)), spent[choosing].mean(axis=(0, 1))
        slope = max(accuracy[-1] - accuracy[0], 0.0) / max(price[-1] - price[0], 1.0)
        for factor in PRICES:
            worth = right - factor * slope * spent
            place = np.zeros(kind.shape, int)
            for number in range(4):
                mine = choosing[:, None] & (kind == number) & on
                if mine.any():
                    place[(kind == number) & on] = worth[mine].mean(axis=0).argmax()
            outcome = _mean(_at(right, place), _at(spent, place))
            found.append((f"from {cap_text(curve.caps[start])}, price {factor:g}", outcome))
    return settings(found)


def first_finish(curve: Curve, n: int) -> Outcome:
    """Reason `n` times side by side from cap to cap; when a trace has ended, those that have vote (short@n).

    After arXiv 2505.17813, in steps of the caps. Where none ever ends, all vote. The prompt is read once. Samples
    are taken in groups of `n`, in their order.
    """
    right, flops, answer, classes, ended = (
        _grouped(a, n) for a in (curve.right, curve.flops, curve.answer, curve.classes, curve.ended)
    )
    stop = ended.any(axis=2)
    stop[..., -1] = True
    place = np.broadcast_to(stop.argmax(axis=2)[..., None], right.shape[:3])
    done = _at4(ended, place)
    done |= ~done.any(axis=2, keepdims=True)
    spent = _at4(flops, place) - np.where(done, 0.0, _at4(answer, place))
    value = voted(_at4(classes, place), _at4(right, place), done)
    return _mean(value, spent.sum(axis=2) - (n - 1) * curve.prefill[:, None])


def _grouped(values: np.ndarray, n: int) -> np.ndarray:
    """Return (problems, groups, n, caps)."""
    groups = values.shape[1] // n
    return values[:, : groups * n].reshape(len(values), groups, n, -1)


def _at4(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    return np.take_along_axis(values, place[..., None], axis=3)[..., 0]


def voted(classes: np.ndarray, right: np.ndarray, takes_part: np.ndarray) -> np.ndarray:
    """Return the chance that a majority vote over the last axis is right, ties shared; 0 where none can be read."""
    valid = takes_part & (classes != UNREAD)
    votes = ((classes[..., :, None] == classes[..., None, :]) & valid[..., None, :]).sum(axis=-1) * valid
    top = votes.max(axis=-1, keepdims=True)
    weight = np.where(valid & (votes == top), 1 / np.maximum(votes, 1), 0.0)
    return (weight * right).sum(axis=-1) / np.maximum(weight.sum(axis=-1), 1e-12)


def consistency(curve: Curve, cap: int, votes: int) -> Outcome:
    """Draw samples one by one at a cap until an answer has `votes` votes; else all vote.

    After adaptive consistency (arXiv 2305.11860), with a fixed number of votes to stop at. The prompt is read once.
    """
    classes, right, flops = (a[..., cap] for a in (curve.classes, curve.right, curve.flops))
    samples = classes.shape[1]
    same = (classes[:, :, None] == classes[:, None, :]) & (classes != UNREAD)[:, :, None]
    reached = np.tril(same).sum(axis=2) >= votes
    reached[:, -1] = True
    drawn = reached.argmax(axis=1) + 1
    taken = np.arange(samples) < drawn[:, None]
    spent = (flops * taken).sum(axis=1) - (drawn - 1) * curve.prefill
    return voted(classes, right, taken), spent


def cascade(small: Curve, large: Curve) -> Options:
    """Answer with the small model at two successive caps; ask the large one at a cap where they disagree."""
    found = []
    other_right, other_flops = large.fixed
    for i in small.thinking[1:]:
        early, here = small.classes[..., i - 1], small.classes[..., i]
        ended = small.ended[..., i - 1]
        kept = small.ended[..., i] | ((early == here) & (here != UNREAD))
        spent = small.flops[..., i] + np.where(ended, 0.0, small.answer[..., i - 1])
        for j, cap in enumerate(large.caps):
            right = np.where(kept, small.right[..., i], other_right[j][:, None])
            flops = spent + np.where(kept, 0.0, other_flops[j][:, None])
            found.append((f"{cap_text(small.caps[i])}, then {cap_text(cap)}", _mean(right, flops)))
    return fixed(found)
