def made_of_several(wc):
    """Return one table of answers per model, benchmark and strategy that makes one answer of several samples."""
    return [
        f"results/{wc.study}/combined/{model}/{benchmark}.{strategy}.parquet"
        for model, benchmark, strategy in registry.pairs(block("studies", wc.study))
        if method(strategy) not in strategies.SAMPLED
    ]


def method(strategy):
    """Return the method of a strategy."""
    return block("strategies", strategy)["method"]


def is_tree(strategy):
    """Return whether a strategy's answers come from trees, which have no cap."""
    return method(strategies.decoded(strategy, config["strategies"])) in strategies.TREES


def decoded(wc, product):
    """Return a table of the strategy whose generations a job makes its answers of."""
    source = strategies.decoded(wc.strategy, config["strategies"])
    return f"results/{wc.study}/{product}/{wc.model}/{wc.benchmark}.{source}.parquet"


def reward(wc):
    """Return the reward model of a job's strategy, or of the strategy it makes its answers of; None without one."""
    own = block("strategies", wc.strategy)
    source = block("strategies", strategies.decoded(wc.strategy, config["strategies"]))
    return getattr(wc, "reward", None) or own.get("reward") or source.get("reward")


def reward_block(wc):
    """Return as JSON what is to be known of a job's reward model."""
    found = {"context": None, **block("models", reward(wc))}
    kept = {key: found[key] for key in ("reward", "context", "trust_remote_code") if key in found}
    return registry.canonical({"name": reward(wc), **kept})


def reward_files(wc, suffix):
    """Return a file that download_model writes for a job's reward model, none without one."""
    return [f"data/models/{reward(wc)}.{suffix}"] if reward(wc) else []


def scores(wc):
    """Return the rewards that a job chooses by, none where it only counts votes."""
    own = block("strategies", wc.strategy)
    if strategies.selection(own)["select"] not in strategies.BY_SCORE:
        return []
    source = strategies.decoded(wc.strategy, config["strategies"])
    return [f"results/{wc.study}/rewards/{reward(wc)}/{wc.model}/{wc.benchmark}.{source}.parquet"]


def tree_passes(wc):
    """Return the passes of the tree a job makes its answers of, none where these are samples."""
    source = strategies.decoded(wc.strategy, config["strategies"])
    return [decoded(wc, "passes")] if method(source) in strategies.TREES else []


def spends_in_many_ways(study):
    """Return whether a study that generates has strategies other than a single chain."""
    return is_generated(study) and any(method(s) != "chain" for s in block("studies", study)["strategies"])


def named_strategies(study):
    """Return the label and method of a study's strategies, in its order."""
    return {
        name: {key: block("strategies", name)[key] for key in ("label", "method")}
        for name in study.get("strategies", [])
    }


TREES = registry.one_of(name for name in config["strategies"] if method(name) in strategies.TREES) or "(?!)"
SAMPLED = (
    registry.one_of(name for name in config["strategies"] if method(name) in strategies.SAMPLED) or "(?!)"
)
BY_PASSES = registry.one_of(n for n in config["strategies"] if strategies.METHODS[method(n)].passes) or "(?!)"
SEVERAL = registry.one_of(n for n in config["strategies"] if method(n) not in strategies.SAMPLED) or "(?!)"
REWARDS = registry.one_of(n for n, m in config["models"].items() if "reward" in m) or "(?!)"
