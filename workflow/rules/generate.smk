# In: problems and a checkpoint. Out: tables of generations with their provenance, one per model and benchmark.


rule generate:
    input:
        manifest="data/models/{model}.json",
        problems=lambda wc: expand("data/benchmarks/{benchmark}.jsonl", benchmark=posed(wc)),
        # A tree is guided by a reward model, which runs in the same job.
        reward=lambda wc: reward_files(wc, "json"),
    output:
        # One job for all benchmarks of the study: the engine starts once, and no place in its batch stays
        # empty between them.
        folder=directory("results/{study}/generated/{model}.{strategy}{shard}"),
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
        code=code("generate", without=ENGINES),
        identity=lambda wc: registry.identity(block("models", wc.model)),
        caps=lambda wc: registry.canonical(
            registry.caps(
                block("studies", wc.study), block("models", wc.model), block("strategies", wc.strategy)
            )
        ),
        samples=lambda wc: registry.canonical(posed(wc)),
        answer_tokens=setting("answer_tokens"),
        seed=setting("seed"),
        engine=lambda wc: registry.engine(block("studies", wc.study), block("models", wc.model)),
        method=lambda wc: registry.canonical(strategies.decoding(block("strategies", wc.strategy))),
        reward=lambda wc, input: (
            f"--reward '{reward_block(wc)}' --reward-manifest {input.reward}" if reward(wc) else ""
        ),
        shard=lambda wc: option("--shard", wc.shard.removeprefix(".")),
    shell:
        "python workflow/scripts/generate.py --model {wildcards.model:q} --identity {params.identity:q}"
        " --manifest {input.manifest:q} --problems {input.problems:q} --samples {params.samples:q}"
        " --strategy {wildcards.strategy:q} --method {params.method:q} {params.reward} --caps {params.caps:q} --answer-tokens {params.answer_tokens}"
        " --seed {params.seed} --engine {params.engine:q} --gpus {resources.model_gpus} --granted {resources.gpu} --code {params.code} {params.shard}"
        " --journal-dir results/journal --output-dir {output.folder:q} 2> >(trap '' TERM; tee {log:q} >&2)"


# Takes one benchmark's table out of what a model has generated. A benchmark added to the study makes new folders;
# that reruns nothing here as long as they hold what the study asks of this benchmark.
rule collect:
    input:
        folders=lambda wc: generated(wc),
        manifest=rules.generate.input.manifest,
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
        code=code("collect"),
        name="{benchmark}.{strategy}",
        identity=rules.generate.params.identity,
        caps=rules.generate.params.caps,
        samples=lambda wc: traces(wc, wc.benchmark),
        answer_tokens=setting("answer_tokens"),
        seed=setting("seed"),
        engine=rules.generate.params.engine,
    shell:
        "python workflow/scripts/collect.py --folders {input.folders:q} --name {params.name:q} --problems {input.problems:q}"
        " --output {output.table:q} --provenance {output.provenance:q} &> {log:q}"


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
