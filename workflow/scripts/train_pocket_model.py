"""Train one pocket model from its recipe.

Input: the recipes file and the name of a model in it.
Output: a folder in Hugging Face form: config.json, model.safetensors (float32),
the tokenizer, README.md (model card) and training.json (recipe, seed, tokens,
loss in nats per token over the steps, validation, versions).
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import torch
import transformers
import yaml

from frontiers.core import cli
from frontiers.pocket import reward, thought_training, training, world
from frontiers.pocket.model_card import model_card
from frontiers.pocket.tokenizer import build_tokenizer

VALIDATION_STEPS = (2, 4, 8)
VALIDATED = {"thoughts": 50}
"""Problems of each length to validate on, if not 200: a thought at every token is slow."""
WRITERS = ("small", "medium", "moe", "hybrid")
"""Pocket models whose solutions to held-out problems a reward model is validated on."""

WRITTEN = 512


def main(argv: list[str] | None = None) -> None:
    """Train, validate on fresh problems of the training side, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipes", type=Path, required=True, help="YAML of recipes, under `models`")
    parser.add_argument("--model", required=True, help="name of the recipe")
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="number of threads; the weights are reproducible for the same number",
    )
    parser.add_argument("--output-dir", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args(argv)
    recipes = yaml.safe_load(arguments.recipes.read_text())["models"]
    if arguments.model not in recipes:
        raise cli.UserError(
            f"no recipe `{arguments.model}` in {arguments.recipes}; choose from: {', '.join(recipes)}"
        )
    recipe = training.Recipe.from_mapping(arguments.model, recipes[arguments.model])
    torch.set_num_threads(arguments.threads)

    def report(entry: dict) -> None:
        rate = entry["tokens"] / entry["seconds"]
        print(
            f"step {entry['step']}: loss {entry['loss']:.4f}, {rate:,.0f} tokens/s",
            file=sys.stderr,
            flush=True,
        )

    begun = time.monotonic()
    model, step, logits_of = prepare(recipe)
    log = training.train(recipe, model, step, report)
    problems = VALIDATED.get(recipe.task, 200)
    record = {
        "recipe": recipes[arguments.model],
        "tokens": log[-1]["tokens"],
        "seconds": time.monotonic() - begun,
        "threads": arguments.threads,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "validation": validate(recipe, model, logits_of, problems),
        **({} if problems == 200 else {"validated": problems}),
        "parameters": sum(p.numel() for p in model.parameters()),
        "log": log,
    }
    print(f"validation: {record['validation']}", file=sys.stderr)
    arguments.output_dir.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(arguments.output_dir)
    build_tokenizer(recipe.task).save_pretrained(arguments.output_dir)
    (arguments.output_dir / "training.json").write_text(json.dumps(record, indent=1) + "\n")
    (arguments.output_dir / "README.md").write_text(model_card(recipe, record))


Logits = Callable[[torch.Tensor], torch.Tensor]


def prepare(
    recipe: training.Recipe,
) -> tuple[transformers.PreTrainedModel, training.Step, Logits]:
    """Return the recipe's untrained model, its training step, and the function that gives its logits."""
    if recipe.task == "thoughts":
        plan = thought_training.Plan(**recipe.thoughts)
        model = thought_training.build_model(recipe, training.SHIPPED / recipe.initial)
        step = thought_training.step_of(plan, recipe.seed, recipe.precision)
        return model, step, thought_training.logits_of(model, plan, recipe.seed)
    model = training.build_model(recipe)
    step = partial(training.train_step, precision=recipe.precision)
    return model, step, lambda ids: model(input_ids=ids, use_cache=False).logits


def validate(recipe: training.Recipe, model, logits_of: Logits, problems: int) -> dict:
    """Return the greedy accuracy by number of steps; for a reward model its measures by writer."""
    seed, last = f"{recipe.seed} validation", recipe.phases[-1]
    if recipe.task != "reward":
        return {
            str(steps): training.greedy_accuracy(
                logits_of, steps, seed, problems, traces=last.traces, checks=last.checks, task=recipe.task
            )
            for steps in VALIDATION_STEPS
        }
    found = {}
    for name in WRITERS:
        folder, steps = training.SHIPPED / name, last.problem_steps
        stream = world.draw_problems(f"{seed} {name}", steps, True, last.distractors)
        problems = list(islice(stream, WRITTEN))
        solutions = reward.written(folder, problems, recipe.seed)
        found[name] = reward.measure(model, list(zip(problems, solutions, strict=True)))
    return found


if __name__ == "__main__":
    cli.run(main)
