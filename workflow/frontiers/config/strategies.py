"""Strategies in config.yaml: what each method needs, what can be wrong with them, and what of one changes tokens.

A *sampled* strategy decodes chains, each of which is an answer (`chain`, `extend`). A *tree* decodes many
leaves of which one answer is made (`rebase`, `beam`). A *drawn* one decodes nothing: it makes one answer of
several that another strategy has decoded (`vote`, `best_of_n`, `weighted_vote`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from frontiers.core.suggest import suggest

SAMPLED_KIND, TREE_KIND, DRAWN_KIND = "sampled", "tree", "drawn"


@dataclass(frozen=True)
class Method:
    """What a method is to configuration, rules, figures and docs.

    `needs` are the keys that its block must have, `takes` those that it may have; each is described in
    config.schema.json. A drawn method has its way to `select` one answer. A method whose compute is counted pass by
    pass, not from its generations, writes the table `passes`.
    """

    kind: str
    label: str
    colour: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    select: str | None = None
    passes: bool = False


TREE = ("reward", "width", "step", "depth", "step_tokens")
METHODS = {
    "chain": Method(SAMPLED_KIND, "one chain", "#0072b2"),
    "extend": Method(SAMPLED_KIND, "extended chain", "#d55e00", ("times", "text"), passes=True),
    "vote": Method(DRAWN_KIND, "majority vote", "#009e73", ("of",), ("n",), "majority"),
    "best_of_n": Method(DRAWN_KIND, "best of n", "#cc79a7", ("of", "reward"), ("n", "aggregate"), "best"),
    "weighted_vote": Method(
        DRAWN_KIND, "weighted vote", "#e69f00", ("of", "reward"), ("n", "aggregate"), "weighted"
    ),
    "rebase": Method(
        TREE_KIND, "REBASE", "#56b4e9", (*TREE, "temperature"), ("select", "aggregate"), passes=True
    ),
    "beam": Method(
        TREE_KIND, "beam search", "#332288", (*TREE, "expansion"), ("select", "aggregate"), passes=True
    ),
}
SAMPLED, TREES, DRAWN = (
    tuple(name for name, method in METHODS.items() if method.kind == kind)
    for kind in (SAMPLED_KIND, TREE_KIND, DRAWN_KIND)
)

BY_SCORE = ("best", "weighted")
"""Ways to select that read the scores of a reward model."""
DEFAULTS = {"select": "best", "aggregate": "last"}
DECODING = ("method", *dict.fromkeys(k for m in METHODS.values() if m.kind != DRAWN_KIND for k in m.needs))
"""Keys that change what is decoded; how one answer is made of the leaves does not."""


def decoding(strategy: Mapping) -> dict:
    """Return what of a strategy that decodes changes its tokens."""
    return {key: strategy[key] for key in DECODING if key in strategy}


def selection(strategy: Mapping) -> dict:
    """Return how one answer is made of several: `select`, `aggregate` and `n`, None for all there are."""
    method = strategy["method"]
    return {
        "select": METHODS[method].select or strategy.get("select", DEFAULTS["select"]),
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
    place = f"strategies.{name}"
    yield from _key_faults(place, strategy)
    reward = strategy.get("reward")
    if reward is not None and "reward" not in config["models"].get(reward, {}):
        rewards = [model for model, block in config["models"].items() if "reward" in block]
        yield (
            f"{place}.reward: `{reward}` is not a reward model (no `reward:` block); "
            f"{suggest(reward, rewards, 'reward models are')}"
        )
    if strategy["method"] == "beam" and strategy.get("width", 1) % strategy.get("expansion", 1):
        yield f"{place}.width: {strategy['width']} is not a multiple of `expansion` {strategy['expansion']}; change one"
    if "of" in strategy:
        yield from _source_faults(place, strategy, config["strategies"])


def _key_faults(place: str, strategy: Mapping) -> Iterator[str]:
    """Yield the keys that a strategy's method needs and it does not have, and those that have no effect."""
    name, method = strategy["method"], METHODS[strategy["method"]]
    if missing := [key for key in method.needs if key not in strategy]:
        yield f"{place}: method {name} also needs {', '.join(f'`{key}`' for key in missing)}"
    accepted = (*method.needs, *method.takes)
    if surplus := [key for key in strategy if key not in ("label", "method", *accepted)]:
        listed = ", ".join(f"`{key}`" for key in surplus)
        yield f"{place}: {listed}: not used by method {name}, which accepts {', '.join(accepted) or 'no other keys'}"


def _source_faults(place: str, strategy: Mapping, strategies: Mapping) -> Iterator[str]:
    """Yield what is wrong with the strategy whose answers this one combines."""
    wanted, reward = strategy["of"], strategy.get("reward")
    source = strategies.get(wanted)
    if source is None:
        yield f"{place}.of: unknown strategy `{wanted}`; {suggest(wanted, strategies, 'strategies are')}"
    elif source["method"] in DRAWN:
        yield f"{place}.of: {wanted} decodes nothing; name the strategy it combines, {source.get('of')}"
    elif source["method"] in TREES and strategy.get("n", source.get("width")) != source.get("width"):
        yield f"{place}.n: all leaves of a tree are used; remove `n`"
    elif source["method"] in TREES and reward not in (None, source.get("reward")):
        yield f"{place}.reward: the leaves of {wanted} are scored by {source.get('reward')}; name that model"
    elif source["method"] in SAMPLED and "n" not in strategy:
        yield f"{place}: add `n`, the number of samples that one answer is made of"


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
