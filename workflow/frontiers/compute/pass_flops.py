"""FLOPs of the table `passes`: every unit of forward passes behind an answer, kept or discarded.

A unit of the policy feeds its input and all sampled tokens except the last, and computes logits for every token it
samples. A reward model reads a whole text without logits; its head, two numbers per step, is not counted. The prompt
is fed once, however many branches share it in the cache. Latent attention reads a prompt, or a text to be scored, in
its expanded form and everything later absorbed (`Architecture.absorbed`).
"""

import re
from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import pandas as pd

from frontiers.compute.architecture import Architecture
from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flop_columns import PHASES, ROLES, by_component
from frontiers.compute.flops import Breakdown, forward_flops, kv_bytes_read
from frontiers.compute.thought_flops import ENDS, thought_flops, thought_kv_bytes
from frontiers.core.keys import GENERATION

HEADS = re.compile(r"For(TokenClassification|SequenceClassification|ProcessRewardModel|RewardModel)$")
HEAD_FIELDS = ("classifier_dropout", "id2label", "label2id", "num_labels", "problem_type")


def read_scorer(config: Mapping, where: str) -> Architecture:
    """Return the architecture of a reward model: that of its language model, without its head."""
    names = [HEADS.sub("ForCausalLM", name) for name in config.get("architectures") or []]
    kept = {key: value for key, value in config.items() if key not in HEAD_FIELDS}
    return read_architecture({**kept, "architectures": names}, where)


def count(
    passes: pd.DataFrame, policy: Architecture, reward: Architecture | None, thoughts: int = 0
) -> pd.DataFrame:
    """Return `passes` with the FLOPs of each unit by component (fields of `Breakdown`), `flops` and `fed` tokens.

    With `thoughts` tokens per thought, every unit of the policy is followed by one of role "thought", for the
    thoughts before each sampled token. Raises `ValueError` where a reward model has read texts but its architecture
    is not given.
    """
    table = passes.reset_index(drop=True)
    drawn = table["decoded_tokens"].to_numpy(np.int64)
    fed = table["prefill_tokens"].to_numpy(np.int64) + np.maximum(drawn - 1, 0)
    past = table["past_tokens"].to_numpy(np.int64)
    scored = (table["role"] == "reward").to_numpy()
    if scored.any() and reward is None:
        raise ValueError("a reward model has read texts: its architecture is needed to count them")
    components = {field.name: np.zeros(len(table), np.int64) for field in fields(Breakdown)}
    prompt = (table["phase"] == "prefill").to_numpy()
    for model, rows in ((policy, ~scored & prompt), (policy.absorbed(), ~scored & ~prompt), (reward, scored)):
        if rows.any():
            flops = forward_flops(model, fed[rows], past[rows], drawn[rows])
            for name in components:
                components[name][rows] = vars(flops)[name]
    table = table.assign(**components, flops=sum(components.values()), fed=fed)
    return with_thoughts(table, policy, thoughts) if thoughts else table


def with_thoughts(table: pd.DataFrame, policy: Architecture, thoughts: int) -> pd.DataFrame:
    """Return counted units, each of the policy's followed by the unit of its thoughts.

    There is a thought after the last input token of a unit and after each sampled token except the last.
    """
    units = table[(table["role"] == "policy") & (table["decoded_tokens"] > 0)]
    past = (units["past_tokens"] + units["prefill_tokens"] - 1).to_numpy(np.int64)
    drawn = units["decoded_tokens"].to_numpy(np.int64)
    flops = thought_flops(policy, thoughts, past, drawn)
    inner = units.assign(
        role="thought", **vars(flops), flops=flops.total, fed=drawn * (thoughts + ENDS), past_tokens=past
    )
    return pd.concat([table, inner]).sort_index(kind="stable", ignore_index=True)


def compute_table(
    passes: pd.DataFrame,
    policy: Architecture,
    reward: Architecture | None,
    element_bytes: float,
    intensity: float,
    joules: float | None = None,
    thoughts: int = 0,
) -> pd.DataFrame:
    """Return the table `compute`, one row per problem, sample and cap of `passes`.

    Arguments as of `flops.compute_table` and `count`. Each token that the policy feeds after the prompt reads keys
    and values. Energy is shared by FLOPs.
    """
    units = count(passes, policy, reward, thoughts)
    mine = (units["role"] != "reward").to_numpy()
    later = (units["role"] == "policy").to_numpy() & (units["phase"] != "prefill").to_numpy()
    inner = (units["role"] == "thought").to_numpy()
    read = np.zeros(len(units))
    counts = [units.loc[later, name].to_numpy(np.int64) for name in ("fed", "past_tokens")]
    read[later] = kv_bytes_read(policy, *counts, element_bytes)
    if inner.any():
        counts = [units.loc[inner, name].to_numpy(np.int64) for name in ("past_tokens", "decoded_tokens")]
        read[inner] = thought_kv_bytes(policy, thoughts, *counts, element_bytes)
    active = [model.parameters(active=True) if model else 0 for model in (policy, reward)]
    columns = {"flops": units["flops"]}
    columns |= {c: units["flops"].where(mine & (units["phase"] == p), 0) for p, c in PHASES.items()}
    columns |= {c: units["flops"].where(units["role"] == r, 0) for r, c in ROLES.items()}
    columns |= {
        **by_component(units),
        "flops_2n": 2 * units["fed"] * np.where(mine, *active),
        "kv_bytes": np.rint(read).astype(np.int64),
    }
    table = (
        units[GENERATION].assign(**columns).groupby(GENERATION, sort=False, dropna=False).sum().reset_index()
    )
    table["cap"] = table["cap"].astype("Int64")
    table["eflops"] = table["flops"].astype(float) + intensity * table["kv_bytes"].astype(float)
    rate = np.nan if joules is None else joules / float(table["flops"].sum())
    return table.assign(joules=table["flops"].astype(float) * rate)
