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
        # Code that fetches or checks is left out: it changes no problem.
        code=code("download_benchmark", without=("data.hub", "grading", "core")),
        block=lambda wc: registry.source("benchmarks", block("benchmarks", wc.benchmark)),
    shell:
        "python workflow/scripts/download_benchmark.py --name {wildcards.benchmark:q} --block {params.block:q}"
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
        code=code("download_model", without=("data", "core")),
        block=lambda wc: registry.source("models", block("models", wc.model)),
    shell:
        "python workflow/scripts/download_model.py --name {wildcards.model:q} --block {params.block:q}"
        " --output {output.manifest:q} 2> {log:q}"
