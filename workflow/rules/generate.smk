# In: problems and a checkpoint. Out: tables of generations with their provenance, one per model and benchmark.


# Tries a model in minutes on the device it will use: `snakemake preflight`, and before the first job on a GPU.
rule preflight_model:
    input:
        manifest="data/models/{model}.json",
        problems=lambda wc: expand(
            "data/benchmarks/{benchmark}.jsonl", benchmark=block("studies", wc.study)["benchmarks"]
        ),
    output:
        checks="results/{study}/preflight/{model}.json",
        text="results/{study}/preflight/{model}.txt",
    log:
        "logs/preflight_model/{study}/{model}.log",
    benchmark:
        "benchmarks/preflight_model/{study}/{model}.tsv"
    wildcard_constraints:
        study=GENERATED,
    # Before anything that takes hours.
    priority: 2**30
    conda:
        lambda wc: f"../../envs/generate-{decoder(wc)}.yaml"
    threads: 1
    resources:
        gpu=lambda wc: block("models", wc.model).get("gpus", 0),
        model_gpus=lambda wc: block("models", wc.model).get("gpus", 0),
        mem_mb=lambda wc: block("models", wc.model).get("memory_mb", 4000),
        runtime=60,
    params:
        made_by=made_by("preflight_model"),
        identity=lambda wc: registry.identity(block("models", wc.model)),
        seed=setting("seed"),
        date=lambda wc: option("--date", block("studies", wc.study).get("date")),
        engine=lambda wc: registry.engine(block("studies", wc.study), block("models", wc.model)),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/preflight_model.py --model {wildcards.model:q} --identity {params.identity:q}"
        " --manifest {input.manifest:q} --problems {input.problems:q} --seed {params.seed:q} {params.date:q}"
        " --engine {params.engine:q} --gpus {resources.model_gpus:q} --journal-dir results/journal"
        " --output {output.checks:q} 2> >(keep {log:q})"


rule preflight:
    input:
        preflights,
    log:
        "logs/preflight.log",
    localrule: True
    conda:
        "../../envs/analyse.yaml"
    shell:
        "cat {input:q} | tee {log:q}; ! grep --quiet ' FAIL ' {log:q}"


rule generate:
    input:
        preflight=lambda wc: preflighted(wc),
        manifest="data/models/{model}.json",
        problems=lambda wc: expand(
            "data/benchmarks/{benchmark}.jsonl", benchmark=block("studies", wc.study)["benchmarks"]
        ),
        # A tree is guided by a reward model, which runs in the same job.
        reward=lambda wc: reward_files(wc, "json"),
    output:
        # One job for all benchmarks of the study: the engine starts once, and no place in its batch stays
        # empty between them.
        # What it holds already stays, and may be read while the job adds to it.
        folder=update(directory("results/{study}/generated/{model}.{strategy}{shard}")),
    log:
        "logs/generate/{study}/{model}.{strategy}{shard}.log",
    benchmark:
        "benchmarks/generate/{study}/{model}.{strategy}{shard}.tsv"
    wildcard_constraints:
        study=GENERATED,
        # Nothing, or the part of a model whose problems are divided among jobs.
        shard=r"(\.\d+of\d+)?",
    # Where not all can run at once, the longest start first.
    priority: lambda wc: asked(wc, "runtime")
    conda:
        lambda wc: f"../../envs/generate-{decoder(wc)}.yaml"
    threads: 1
    resources:
        gpu=granted,
        # What the model needs; not a param, as another number of devices reruns nothing.
        model_gpus=lambda wc: block("models", wc.model).get("gpus", 0),
        mem_mb=lambda wc: asked(wc, "mem_mb"),
        runtime=lambda wc: asked(wc, "runtime"),
    params:
        made_by=DECIDES,
        identity=lambda wc: registry.identity(block("models", wc.model)),
        caps=lambda wc: registry.canonical(
            registry.caps(
                block("studies", wc.study), block("models", wc.model), block("strategies", wc.strategy)
            )
        ),
        # What is missing is no reason to run by itself: with `input` as argument, Snakemake does not compare it.
        samples=lambda wc, input: registry.canonical(posed(wc)),
        answer_tokens=setting("answer_tokens"),
        seed=setting("seed"),
        date=lambda wc: option("--date", block("studies", wc.study).get("date")),
        engine=lambda wc: registry.engine(block("studies", wc.study), block("models", wc.model)),
        method=lambda wc: registry.canonical(strategies.decoding(block("strategies", wc.strategy))),
        reward=lambda wc: option("--reward", reward_block(wc) if reward(wc) else None),
        reward_manifest=lambda wc, input: option("--reward-manifest", input.reward),
        environment=lambda wc: option("--environment", environment(wc)),
        keep=lambda wc, input: option("--keep", kept(wc)),
        preflight=lambda wc, input: option("--preflight", input.preflight),
        shard=lambda wc: option("--shard", wc.shard.removeprefix(".")),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/generate.py --model {wildcards.model:q} --identity {params.identity:q}"
        " --manifest {input.manifest:q} --problems {input.problems:q} --samples {params.samples:q}"
        " --strategy {wildcards.strategy:q} --method {params.method:q} {params.reward:q} {params.reward_manifest:q} --caps {params.caps:q} --answer-tokens {params.answer_tokens:q}"
        " --seed {params.seed:q} {params.date:q} --engine {params.engine:q} --gpus {resources.model_gpus:q} --granted {resources.gpu:q} --code {params.made_by:q} {params.shard:q}"
        " {params.environment:q} {params.keep:q} {params.preflight:q} --journal-dir results/journal --output-dir {output.folder:q} 2> >(keep {log:q})"


# Takes one benchmark's table out of what a model has generated.
rule collect:
    input:
        folders=generated("results/{study}/generations/{model}/{benchmark}.{strategy}.parquet"),
        manifest=rules.generate.input.manifest,
        reward=rules.generate.input.reward,
        problems="data/benchmarks/{benchmark}.jsonl",
    output:
        table="results/{study}/generations/{model}/{benchmark}.{strategy}.parquet",
        provenance="results/{study}/generations/{model}/{benchmark}.{strategy}.json",
    log:
        "logs/collect/{study}/{model}/{benchmark}.{strategy}.log",
    benchmark:
        "benchmarks/collect/{study}/{model}/{benchmark}.{strategy}.tsv"
    wildcard_constraints:
        study=GENERATED,
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("collect", without=("config",)),
        name="{benchmark}.{strategy}",
        asked=lambda wc: registry.canonical({**wanted(wc, wc.benchmark), "code": DECIDES}),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/collect.py --folders {input.folders:q} --name {params.name:q} --problems {input.problems:q}"
        " --manifests {input.manifest:q} {input.reward:q} --asked {params.asked:q} --output {output.table:q}"
        " --provenance {output.provenance:q} &> {log:q}"


# Progress of the studies; while another snakemake runs and holds the lock: snakemake --cores 1 --nolock status
rule status:
    log:
        "logs/status.log",
    localrule: True
    conda:
        "../../envs/analyse.yaml"
    params:
        studies=config["run"],
    shell:
        "python workflow/scripts/status.py --studies {params.studies:q} | tee {log:q}"
