"""Strategies in config.yaml: what each method needs, what can be wrong with them, and what of one changes tokens.

A *sampled* strategy decodes chains, each of which is an answer (`chain`, `extend`). A *tree* decodes many
leaves of which one answer is made (`rebase`, `beam`). A *drawn* one decodes nothing: it makes one answer of
several that another strategy has decoded (`vote`, `best_of_n`, `weighted_vote`).
"""

from collections.abc import Iterator, Mapping

from frontiers.core.suggest import suggest

SAMPLED = ("chain", "extend")
TREES = ("rebase", "beam")
DRAWN = ("vote", "best_of_n", "weighted_vote")
SELECTIONS = {"vote": "majority", "best_of_n": "best", "weighted_vote": "weighted"}
"""Method -> how it makes one answer of several; a tree says it in `select`."""

TREE = ("reward", "width", "step", "depth", "step_tokens")
NEEDS = {
    "chain": (),
    "extend": ("times", "text"),
    "vote": ("of",),
    "best_of_n": ("of", "reward"),
    "weighted_vote": ("of", "reward"),
    "rebase": (*TREE, "temperature"),
    "beam": (*TREE, "expansion"),
}
TAKES = {
    "vote": ("n",),
    "best_of_n": ("n", "aggregate"),
    "weighted_vote": ("n", "aggregate"),
    "rebase": ("select", "aggregate"),
    "beam": ("select", "aggregate"),
}
"""Method -> the keys it must have, and those that it may have."""

DEFAULTS = {"select": "best", "aggregate": "last"}
DECODING = (
    "method",
    "times",
    "text",
    "reward",
    "width",
    "temperature",
    "expansion",
    "step",
    "depth",
    "step_tokens",
)
"""Keys that change what is decoded; how one answer is made of the leaves does not."""


def decoding(strategy: Mapping) -> dict:
    """Return what of a strategy that decodes changes its tokens."""
    return {key: strategy[key] for key in DECODING if key in strategy}


def selection(strategy: Mapping) -> dict:
    """Return how one answer is made of several: `select`, `aggregate` and `n`, None for all there are."""
    method = strategy["method"]
    return {
        "select": SELECTIONS.get(method) or strategy.get("select", DEFAULTS["select"]),
        "aggregate": strategy.get("aggregate", DEFAULTS["aggregate"]),
        "n": strategy.get("n"),
    }


def decoded(name: str, strategies: Mapping) -> str:
    """Return the strategy whose generations a strategy makes its answers of: its own, or those of `of`."""
    return strategies[name].get("of", name)


def faults(config: Mapping) -> Iterator[str]:
    """Yield the faults of the strategies, and of studies that cannot run them."""
    for name, strategy in config["strategies"].items():
        yield from _faults_of(name, strategy, config)
    for name, study in config["studies"].items():
        if study["kind"] == "measured":
            yield from _study_faults(name, study, config)


def _faults_of(name: str, strategy: Mapping, config: Mapping) -> Iterator[str]:
    place, method = f"strategies.{name}", strategy["method"]
    needs, takes = NEEDS[method], TAKES.get(method, ())
    if lacking := [key for key in needs if key not in strategy]:
        yield f"{place}: method {method} also needs {', '.join(f'`{key}`' for key in lacking)}"
    known = {"label", "method", *needs, *takes}
    if surplus := [key for key in strategy if key not in known]:
        listed = ", ".join(f"`{key}`" for key in surplus)
        yield f"{place}: {listed}: of no use to method {method}, which knows {', '.join((*needs, *takes)) or 'no more keys'}"
    reward = strategy.get("reward")
    if reward is not None and "reward" not in config["models"].get(reward, {}):
        rewards = [model for model, block in config["models"].items() if "reward" in block]
        yield f"{place}.reward: `{reward}` is no model with a block `reward`; {suggest(reward, rewards, 'there are')}"
    if method == "beam" and strategy.get("width", 1) % strategy.get("expansion", 1):
        yield f"{place}: a width of {strategy['width']} is no multiple of `expansion` {strategy['expansion']}; make it one"
    if "of" in strategy:
        source = config["strategies"].get(strategy["of"])
        if source is None:
            yield f"{place}.of: there is no such strategy; {suggest(strategy['of'], config['strategies'], 'there are')}"
        elif source["method"] in DRAWN:
            yield f"{place}.of: {strategy['of']} decodes nothing; name what it makes its answers of, {source.get('of')}"
        elif source["method"] in TREES and strategy.get("n", source.get("width")) != source.get("width"):
            yield f"{place}.n: of a tree all leaves count; take `n` out"
        elif source["method"] in TREES and reward not in (None, source.get("reward")):
            yield f"{place}.reward: the leaves of {strategy['of']} have been scored by {source.get('reward')}; name that one"
        elif source["method"] in SAMPLED and "n" not in strategy:
            yield f"{place}: add `n`, the samples that one answer is made of"


def _study_faults(name: str, study: Mapping, config: Mapping) -> Iterator[str]:
    """Yield what keeps a study from running its strategies: too few samples, an engine that scores nothing."""
    place = f"studies.{name}"
    samples = study.get("samples", 1)
    fewest = min(samples.values(), default=1) if isinstance(samples, Mapping) else samples
    for wanted in study["strategies"]:
        strategy = config["strategies"].get(wanted, {"method": "chain"})
        if (number := strategy.get("n", 1)) > fewest:
            yield f"{place}.samples: {wanted} makes an answer of {number} samples, of which there are {fewest}; raise it"
        if "reward" in strategy and study["engine"].get("kind") == "endpoint":
            yield f"{place}: {wanted} needs a reward model, which an endpoint does not serve; run it with kind vllm"
        if strategy.get("n", 1) > 1:
            for model in study["models"]:
                if config["models"].get(model, {}).get("sampling", {}).get("temperature") == 0:
                    yield f"{place}: {model} samples greedily, so that {wanted} has one answer to choose from; take one out"
