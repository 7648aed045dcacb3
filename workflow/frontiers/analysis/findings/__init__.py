"""What a study found, in sentences: one per question, each with its numbers, their intervals and the caveat that matters.

Import from here `findings`, `missing`, `markdown` and `as_json`. Every number comes from a cell of a table, which the
finding names. A claim is made only where the interval of its number allows it; otherwise the sentence says that these data
cannot tell, and why. One module per question; `study` asks them all.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(
    __name__,
    findings="study",
    missing="study",
    markdown="finding",
    as_json="finding",
)
