rule generate:
    input:
        # No package module here: what changes the output is in the journal's fingerprint.
        script="workflow/scripts/generate.py",
        manifest="data/models/{model}.json",
        problems="data/benchmarks/{benchmark}.jsonl",
    output:
        table="results/{study}/generations/{model}/{benchmark}.{strategy}.parquet",
        provenance="results/{study}/generations/{model}/{benchmark}.{strategy}.json",
    log:
        "logs/generate/{study}/{model}/{benchmark}.{strategy}.log",
    benchmark:
        "benchmarks/generate/{study}/{model}/{benchmark}.{strategy}.tsv"
    conda:
        lambda wc: f"../../envs/generate-{'cpu' if block('studies', wc.study)['engine']['device'] == 'cpu' else 'gpu'}.yaml"
    threads: 1
    resources:
        gpu=lambda wc: block("models", wc.model).get("gpus", 0),
        mem_mb=lambda wc: block("models", wc.model).get("memory_mb", 4000),
        runtime=lambda wc: block("models", wc.model).get("runtime_minutes", 60),
    params:
        identity=lambda wc: registry.identity(block("models", wc.model)),
        caps=lambda wc: registry.canonical(
            registry.caps(block("studies", wc.study), block("models", wc.model))
        ),
        samples=lambda wc: registry.samples(
            block("studies", wc.study), wc.benchmark, block("models", wc.model)
        ),
        answer_tokens=setting("answer_tokens"),
        seed=setting("seed"),
        engine=lambda wc: registry.engine(block("studies", wc.study), block("models", wc.model)),
    shell:
        "python {input.script:q} --model {wildcards.model:q} --identity {params.identity:q}"
        " --manifest {input.manifest:q} --benchmark {wildcards.benchmark:q} --problems {input.problems:q}"
        " --caps {params.caps:q} --samples {params.samples} --answer-tokens {params.answer_tokens}"
        " --seed {params.seed} --engine {params.engine:q} --gpus {resources.gpu}"
        " --journal-dir results/journal --output {output.table:q} 2> >(tee {log:q} >&2)"
