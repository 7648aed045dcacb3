"""The model card of a pocket model."""

from frontiers.pocket.training import Recipe


def model_card(recipe: Recipe, training: dict) -> str:
    """Return the README.md of a checkpoint: what it is, how it was trained, and how it did in validation.

    `training` is the content of its training.json.
    """
    phases = "\n".join(
        f"| {p.steps} | {p.batch} | {', '.join(map(str, p.problem_steps))} | {p.cut_share:.0%} "
        f"| {'yes' if p.traces else 'no'}{f', computed {p.checks + 1} times' if p.checks else ''} |"
        for p in recipe.phases
    )
    log = training["log"]
    curve = "\n".join(f"| {e['step']} | {e['tokens']:,} | {e['loss']:.4f} |" for e in thin(log, 12))
    begun = f"the weights of `{recipe.initial}`" if recipe.initial else "random weights"
    return f"""---
license: mit
library_name: transformers
pipeline_tag: {"token-classification" if recipe.task == "reward" else "text-generation"}
---
# pocket {recipe.name}

{recipe.description} {training["parameters"]:,} parameters, `{recipe.model_type}` architecture, float32.
Trained from {begun} on word problems from this project's own generator, for its own study; not useful elsewhere.

Seed {recipe.seed}, {training["tokens"]:,} tokens, {training["seconds"] / 60:.0f} minutes on {training["threads"]} thread(s),
learning rate {recipe.learning_rate}, Muon for matrices and AdamW for the rest, torch {training["versions"]["torch"]}.
Problems whose calculation occurs in a benchmark are never trained on.

| optimiser steps | problems per step | comparisons per problem | traces cut | traces |
|---|---|---|---|---|
{phases}

Loss (nats per target token, running mean; the whole curve is in training.json):

| step | tokens | loss |
|---|---|---|
{curve}

{validation(recipe, training)}
"""


def validation(recipe: Recipe, training: dict) -> str:
    """Return how a model did on problems that it was not trained on."""
    found = training["validation"]
    if recipe.task == "reward":
        rows = "\n".join(
            f"| {name} | {v['steps']:,} | {v['right']:.1%} | {v['accuracy']:.1%} | {v['auc']:.4f} | {v['answer_auc']:.4f} |"
            for name, v in found.items()
        )
        return f"""Steps that pocket models wrote at temperature 1 for held-out problems, judged right or wrong at 1/2:

| written by | steps | right | classified correctly | AUC | AUC, answers only |
|---|---|---|---|---|---|
{rows}"""
    rows = "\n".join(f"| {steps} | {share:.1%} |" for steps, share in found.items())
    return f"""Share of fresh training-side problems whose whole text is right under greedy decoding:

| comparisons | share of {training.get("validated", 200)} |
|---|---|
{rows}"""


def thin(entries: list, most: int) -> list:
    """Return at most `most` of the entries, evenly spaced and always including the last."""
    stride = -(-len(entries) // most)
    return entries[::-1][::stride][::-1]
