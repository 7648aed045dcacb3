# In: generations of samples or trees. Out: passes, rewards, one answer made of several, and the table of strategies.


# Takes the passes of one benchmark out of what a model has generated.
rule collect_passes:
    input:
        folders=generated("results/{study}/passes/{model}/{benchmark}.{strategy}.parquet"),
        manifest=rules.generate.input.manifest,
        reward=rules.generate.input.reward,
        problems="data/benchmarks/{benchmark}.jsonl",
    output:
        table="results/{study}/passes/{model}/{benchmark}.{strategy}.parquet",
    log:
        "logs/collect_passes/{study}/{model}/{benchmark}.{strategy}.log",
    benchmark:
        "benchmarks/collect_passes/{study}/{model}/{benchmark}.{strategy}.tsv"
    wildcard_constraints:
        study=GENERATED,
        strategy=BY_PASSES,
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("collect", without=("config",)),
        name="{benchmark}.{strategy}",
        asked=rules.collect.params.asked,
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/collect.py --folders {input.folders:q} --name {params.name:q} --problems {input.problems:q}"
        " --manifests {input.manifest:q} {input.reward:q} --asked {params.asked:q} --table passes --output {output.table:q} &> {log:q}"


# The leaves of a tree have been scored as it grew.
rule collect_rewards:
    input:
        folders=generated("results/{study}/rewards/{reward}/{model}/{benchmark}.{strategy}.parquet"),
        manifest=rules.generate.input.manifest,
        reward_manifest=rules.generate.input.reward,
        problems="data/benchmarks/{benchmark}.jsonl",
    output:
        table="results/{study}/rewards/{reward}/{model}/{benchmark}.{strategy}.parquet",
    log:
        "logs/collect_rewards/{study}/{reward}/{model}/{benchmark}.{strategy}.log",
    benchmark:
        "benchmarks/collect_rewards/{study}/{reward}/{model}/{benchmark}.{strategy}.tsv"
    wildcard_constraints:
        study=GENERATED,
        strategy=TREES,
        reward=REWARDS,
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("collect", without=("config",)),
        name="{benchmark}.{strategy}",
        asked=rules.collect.params.asked,
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/collect.py --folders {input.folders:q} --name {params.name:q} --problems {input.problems:q}"
        " --manifests {input.manifest:q} {input.reward_manifest:q} --asked {params.asked:q} --table rewards --output {output.table:q} &> {log:q}"


rule score_samples:
    input:
        generations=rules.collect.output.table,
        problems="data/benchmarks/{benchmark}.jsonl",
        reward="data/models/{reward}.json",
    output:
        table="results/{study}/rewards/{reward}/{model}/{benchmark}.{strategy}.parquet",
    log:
        "logs/score_samples/{study}/{reward}/{model}/{benchmark}.{strategy}.log",
    benchmark:
        "benchmarks/score_samples/{study}/{reward}/{model}/{benchmark}.{strategy}.tsv"
    wildcard_constraints:
        study=GENERATED,
        strategy=SAMPLED,
        reward=REWARDS,
    conda:
        lambda wc: f"../../envs/generate-{decoder(wc)}.yaml"
    threads: 1
    resources:
        gpu=lambda wc: block("models", wc.reward).get("gpus", 0),
        model_gpus=lambda wc: block("models", wc.reward).get("gpus", 0),
        mem_mb=lambda wc: block("models", wc.reward).get("memory_mb", 4000),
        runtime=lambda wc: block("models", wc.reward).get("runtime_minutes", 60),
    params:
        made_by=made_by("score_samples", without=ENGINES),
        reward=lambda wc: reward_block(wc),
        step=lambda wc: block("models", wc.reward)["reward"]["separator"],
        engine=lambda wc: registry.engine(block("studies", wc.study), block("models", wc.reward)),
        journal="results/journal/{model}/rewards/{reward}/{benchmark}.{strategy}.jsonl",
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/score_samples.py --generations {input.generations:q} --problems {input.problems:q}"
        " --reward {params.reward:q} --reward-manifest {input.reward:q} --step {params.step:q}"
        " --engine {params.engine:q} --gpus {resources.model_gpus:q} --journal {params.journal:q}"
        " --output {output.table:q} 2> >(keep {log:q})"


rule combine_samples:
    input:
        generations=lambda wc: decoded(wc, "generations"),
        grades=lambda wc: decoded(wc, "grades"),
        compute=lambda wc: decoded(wc, "compute"),
        rewards=lambda wc: scores(wc),
        passes=lambda wc: tree_passes(wc),
        config=configuration,
        reward=lambda wc: reward_files(wc, "config.json"),
    output:
        table="results/{study}/combined/{model}/{benchmark}.{strategy}.parquet",
        choice="results/{study}/combined/{model}/{benchmark}.{strategy}.json",
    log:
        "logs/combine_samples/{study}/{model}/{benchmark}.{strategy}.log",
    benchmark:
        "benchmarks/combine_samples/{study}/{model}/{benchmark}.{strategy}.tsv"
    wildcard_constraints:
        study=GENERATED,
        strategy=SEVERAL,
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("combine_samples"),
        selection=lambda wc: registry.canonical(strategies.selection(block("strategies", wc.strategy))),
        names=lambda wc: registry.canonical(
            {"model": wc.model, "strategy": wc.strategy, "benchmark": wc.benchmark}
        ),
        options=lambda wc, input: [
            *option("--rewards", input.rewards),
            *option("--passes", input.passes),
            *option("--reward-config-json", input.reward),
        ],
        seed=setting("analysis/seed"),
        price=price,
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/combine_samples.py --generations {input.generations:q} --grades {input.grades:q}"
        " --compute {input.compute:q} {params.options:q} --selection {params.selection:q}"
        " --names {params.names:q} --config-json {input.config:q} --seed {params.seed:q} {params.price:q}"
        " --output {output.table:q} &> {log:q}"


rule tabulate_strategies:
    input:
        points=rules.describe_points.output.points,
        answers=rules.summarise_points.output.answers,
    output:
        table="results/{study}/strategies.parquet",
        csv=report(
            "results/{study}/strategies.csv",
            caption="../report/strategies.rst",
            category="Tables",
            labels={"table": "Strategies", "study": "{study}"},
        ),
    log:
        "logs/tabulate_strategies/{study}.log",
    benchmark:
        "benchmarks/tabulate_strategies/{study}.tsv"
    wildcard_constraints:
        study=GENERATED,
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("tabulate_strategies"),
        strategies=lambda wc: escapes.script_json(named_strategies(block("studies", wc.study))),
        baseline=lambda wc: block("studies", wc.study)["models"][0],
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/tabulate_strategies.py --points {input.points:q} --answers {input.answers:q}"
        " --strategies {params.strategies:q} --baseline {params.baseline:q} --output {output.table:q} &> {log:q}"


# The study of strategies, which is not among those that run by default.
rule strategies:
    input:
        expand(
            "results/pocket-strategies/{product}",
            product=["strategies.csv", "figures/strategies.svg", "report.zip", "checks.json"],
        ),
