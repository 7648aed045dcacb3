"""The tables of trees."""

from collections.abc import Sequence

import pandas as pd

from frontiers.generation import reward_layout
from frontiers.generation.looping import loops
from frontiers.generation.requests import derive_seed
from frontiers.generation.strategies.tree import Tree


def tables(trees: Sequence[Tree], tokenizer) -> dict[str, pd.DataFrame]:
    """Return the tables `generations` and `rewards`, a row for every leaf, and `passes`. Trees have no cap.

    The seconds of a leaf are those of its whole tree, summed over rounds, while other requests ran too.
    """
    leaves, scored = [], []
    for tree in trees:
        for number, node in enumerate(tree.leaves):
            key = {"problem_id": tree.problem_id, "sample": number, "cap": None}
            answer = node.answer
            stopped = answer.finish_reason == "stop" if answer else node.stop == "sequence"
            leaves.append(
                key
                | {
                    "seed": derive_seed(tree.seed, "step", *node.path),
                    "prompt_tokens": tree.prompt_tokens,
                    "reasoning_tokens": len(node.tokens),
                    "end_tokens": len(node.end),
                    "answer_tokens": answer.decoded if answer else 0,
                    "ended": node.stop in ("end", "sequence"),
                    "finish_reason": "stop" if stopped else "length",
                    "truncated": not stopped,
                    "looping": loops(node.tokens) or bool(answer and loops(answer.tokens)),
                    "reasoning": tokenizer.decode(list(node.tokens), skip_special_tokens=True),
                    "answer": tokenizer.decode(list(answer.tokens), skip_special_tokens=True)
                    if answer
                    else "",
                    "seconds": tree.seconds,
                }
            )
            scored.append(key | reward_layout.row(node.scores))
    types = {"cap": "Int64"}
    return {
        "generations": pd.DataFrame(leaves).astype({**types, "seconds": "Float64"}),
        "rewards": pd.DataFrame(scored).astype(
            {**types, **dict.fromkeys(reward_layout.AGGREGATES, "Float64")}
        ),
        "passes": pd.DataFrame([unit for tree in trees for unit in tree.passes]).astype(
            {**types, "reward": "Float64"}
        ),
    }
