"""Small tables for tests."""

from collections.abc import Iterable

import pandas as pd

GRADE = {"status": "rule", "looping": False, "refused": False, "boxed_answers": 0}


def grades(numbers: Iterable[int]) -> pd.DataFrame:
    """Return a table `grades` of these problems, with nulls and text that is not ASCII."""
    numbers = list(numbers)
    frame = pd.DataFrame({"problem_id": [f"p{n}" for n in numbers], "sample": 0}).assign(**GRADE)
    return frame.assign(
        cap=pd.array([None if n % 2 else n for n in numbers], dtype="Int64"),
        correct=[n % 3 == 0 for n in numbers],
        extracted=[None if n % 7 == 0 else f"{n % 9} √é" for n in numbers],
    )
