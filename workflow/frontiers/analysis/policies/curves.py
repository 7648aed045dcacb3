"""The answers of one model, strategy and benchmark at all caps, as arrays."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from frontiers.core.keys import CURVE, LEFT_OUT, cap_order

NOT_ONE_CHAIN = ("combined", LEFT_OUT)
UNREAD = -1


class Curve(NamedTuple):
    """Arrays are (problems, samples, caps), caps ascending, the last may be infinity.

    `classes` numbers the texts of a problem's answers, -1 for one that cannot be read. `ended` says that the trace
    ended by itself within the cap, so that a larger cap gives the same answer. `flops` is the cost of an answer,
    `answer` its part after the trace; `prefill` (problems,) that of reading the prompt.
    """

    caps: np.ndarray
    right: np.ndarray
    flops: np.ndarray
    answer: np.ndarray
    classes: np.ndarray
    ended: np.ndarray
    prefill: np.ndarray

    @property
    def fixed(self) -> tuple[np.ndarray, np.ndarray]:
        """Return right answers and FLOP of every fixed cap, both (caps, problems), means over the samples."""
        return self.right.mean(axis=1).T, self.flops.mean(axis=1).T

    @property
    def thinking(self) -> np.ndarray:
        """Return the indices of positive caps. At cap 0 the prompt may be another one."""
        return np.flatnonzero(self.caps > 0)


def curves(answers: pd.DataFrame, grades: pd.DataFrame) -> Iterator[tuple[dict, Curve]]:
    """Yield names and arrays of the curves that a policy can be judged on, problems in the order of their ids.

    `grades` has the columns of its table and model, strategy and benchmark. Left out are answers made of several,
    models of unknown compute, and curves on which any problem misses a cap or sample or that never reason.
    """
    whole = answers[~answers["status"].isin(NOT_ONE_CHAIN)]
    key = [*CURVE, "problem_id", "sample", "order"]
    texts = grades.assign(order=cap_order(grades["cap"]))[[*key, "extracted"]]
    whole = whole.assign(order=cap_order(whole["cap"])).merge(texts, on=key, how="left", validate="1:1")
    for names, rows in whole.groupby(CURVE, sort=False):
        found = _arranged(rows.sort_values(["problem_id", "sample", "order"], kind="stable"))
        if found is not None:
            yield dict(zip(CURVE, names, strict=True)), found


def _arranged(rows: pd.DataFrame) -> Curve | None:
    caps = np.unique(rows["order"])
    shape = (rows["problem_id"].nunique(), rows["sample"].nunique(), len(caps))
    known = len(rows) == np.prod(shape) and rows["flops"].notna().all()
    if not known or shape[0] < 2 or (caps > 0).sum() < 2 or not rows["reasoning_tokens"].any():
        return None
    columns = {c: rows[c].to_numpy(float).reshape(shape) for c in ("correct", "flops", "flops_answer")}
    tokens = rows["reasoning_tokens"].to_numpy(float).reshape(shape)
    # A trace that grows no more with a larger cap has ended; what decodes it sees the token that ends it.
    ended = np.concatenate([tokens[..., 1:] == tokens[..., :-1], tokens[..., -1:] < caps[-1]], axis=2)
    ended[..., caps == 0] = False
    prefill = rows["flops_prefill"].to_numpy(float).reshape(shape).mean(axis=(1, 2))
    classes = classes_of(rows["extracted"]).reshape(shape)
    return Curve(caps, columns["correct"], columns["flops"], columns["flops_answer"], classes, ended, prefill)


def classes_of(extracted: pd.Series) -> np.ndarray:
    """Return a number per text, equal where texts are but for spaces and case; -1 for none.

    The grade is not used: a policy that runs does not know it.
    """
    plain = extracted.astype("string").str.replace(r"\s+", "", regex=True).str.lower()
    return pd.factorize(plain.mask(plain == ""))[0]
