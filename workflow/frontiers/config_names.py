"""Names in config.yaml: those without a block, and what may have been meant."""

import difflib
from collections.abc import Iterable, Iterator, Mapping

BLOCKS = {
    "benchmarks": """  {name}:
    label: {name}
    path: data/{name}.jsonl
    sha256: "<64 hex digits: sha256sum data/{name}.jsonl>"
    rows: 1
    answer_type: number
    licence: MIT
    source: where the problems come from
""",
    "models": """  {name}:
    label: {name}
    repository: organisation/name
    revision: main
    developer: organisation
    release_date: "YYYY-MM-DD"
    release_source: address of the model card
    thinking: {{style: markers, start: "<think>", end: "</think>", forced_end: "</think>"}}
    sampling: {{temperature: 0.6, top_p: 0.95, top_k: 0, frequency_penalty: 0.0}}
    gpus: 1
""",
    "strategies": """  {name}: {{label: {name}, method: chain}}
""",
}
"""A block to paste, by registry; the braces of `{name}` are filled in."""


def nearest(name: object, known: Iterable[str]) -> str | None:
    """Return the known name most like `name`, or None if none is alike."""
    return next(iter(difflib.get_close_matches(str(name), list(known), 1)), None)


def suggest(name: object, known: Iterable[str], what: str) -> str:
    """Return "did you mean …?" or, if nothing is alike, the list of what is known."""
    known = list(known)
    near = nearest(name, known)
    return f"did you mean `{near}`?" if near else f"{what}: {', '.join(map(str, known)) or 'none'}"


def name_faults(name: str, study: Mapping, config: Mapping) -> Iterator[str]:
    """Yield the benchmarks, models and strategies that a study names and that have no block."""
    for kind, singular in (("benchmarks", "benchmark"), ("models", "model"), ("strategies", "strategy")):
        judge = [study["judge"]] if kind == "models" and "judge" in study else []
        for wanted in dict.fromkeys([*study[kind], *judge]):
            if wanted not in config[kind]:
                near = nearest(wanted, config[kind])
                yield (
                    f"{singular} `{wanted}` is listed in study `{name}` but has no block under `{kind}:`. "
                    + (f"Did you mean `{near}`? If not, add:\n" if near else "Add:\n")
                    + BLOCKS[kind].format(name=wanted).rstrip()
                )
