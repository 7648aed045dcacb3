# In: blocks of config.yaml. Out: problems under data/benchmarks/, manifests of checkpoints under data/models/.


rule download_benchmark:
    input:
        local=lambda wc: block("benchmarks", wc.benchmark).get("path") or [],
    output:
        problems="data/benchmarks/{benchmark}.jsonl",
        origin="data/benchmarks/{benchmark}.json",
    log:
        "logs/download_benchmark/{benchmark}.log",
    benchmark:
        "benchmarks/download_benchmark/{benchmark}.tsv"
    # Where Snakemake runs there is a network; a node of a cluster has none.
    localrule: True
    conda:
        "../../envs/data.yaml"
    params:
        made_by=lambda wc: downloaded_by("benchmarks", wc.benchmark),
        block=lambda wc: registry.source("benchmarks", block("benchmarks", wc.benchmark)),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/download_benchmark.py --name {wildcards.benchmark:q} --block {params.block:q}"
        " --output {output.problems:q} 2> {log:q}"


rule download_model:
    input:
        local=lambda wc: registry.local_files(block("models", wc.model)),
    output:
        manifest="data/models/{model}.json",
        config="data/models/{model}.config.json",
    log:
        "logs/download_model/{model}.log",
    benchmark:
        "benchmarks/download_model/{model}.tsv"
    # Where Snakemake runs there is a network; a node of a cluster has none.
    localrule: True
    conda:
        "../../envs/data.yaml"
    params:
        made_by=lambda wc: downloaded_by("models", wc.model),
        block=lambda wc: registry.source("models", block("models", wc.model)),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/download_model.py --name {wildcards.model:q} --block {params.block:q}"
        " --output {output.manifest:q} 2> {log:q}"
