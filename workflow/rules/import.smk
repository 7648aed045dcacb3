# In: logs of other tools. Out: tables of generations and the logs' own verdicts; from there on a study like any other.


rule fetch_tokenizer:
    input:
        local=lambda wc: registry.local_files(block("models", wc.model)),
    output:
        tokenizer="data/models/tokenizers/{model}.json",
        config="data/models/tokenizers/{model}.config.json",
    log:
        "logs/fetch_tokenizer/{model}.log",
    benchmark:
        "benchmarks/fetch_tokenizer/{model}.tsv"
    # Where Snakemake runs there is a network; a node of a cluster has none.
    localrule: True
    conda:
        "../../envs/data.yaml"
    params:
        made_by=made_by("fetch_tokenizer", without=("data.hub", "data.checkpoints", "core")),
        block=lambda wc: registry.source("models", block("models", wc.model)),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/fetch_tokenizer.py --name {wildcards.model:q} --block {params.block:q}"
        " --output {output.tokenizer:q} 2> {log:q}"


rule read_inspect:
    input:
        log=lambda wc: logs(wc)[int(wc.number)]["file"],
    output:
        samples="results/{study}/logs/{model}/{benchmark}.{strategy}.{number}.jsonl",
    log:
        "logs/read_inspect/{study}/{model}/{benchmark}.{strategy}.{number}.log",
    benchmark:
        "benchmarks/read_inspect/{study}/{model}/{benchmark}.{strategy}.{number}.tsv"
    wildcard_constraints:
        study=IMPORTED,
        number="[0-9]+",
    conda:
        "../../envs/inspect.yaml"
    params:
        made_by=made_by("read_inspect"),
        # Without conda, inspect_ai has an environment of its own, made by `make inspect`.
        first="" if CONDA else ".venv-inspect/bin:",
    shell:
        "PATH={params.first:q}$PATH; MADE_BY={params.made_by:q} python workflow/scripts/read_inspect.py --log {input.log:q} --output {output.samples:q} 2> {log:q}"


rule import_logs:
    input:
        logs=log_files,
        problems="data/benchmarks/{benchmark}.jsonl",
        tokenizer=rules.fetch_tokenizer.output.tokenizer,
    output:
        table="results/{study}/generations/{model}/{benchmark}.{strategy}.parquet",
        provenance="results/{study}/generations/{model}/{benchmark}.{strategy}.json",
        verdicts="results/{study}/verdicts/{model}/{benchmark}.{strategy}.parquet",
    log:
        "logs/import_logs/{study}/{model}/{benchmark}.{strategy}.log",
    benchmark:
        "benchmarks/import_logs/{study}/{model}/{benchmark}.{strategy}.tsv"
    wildcard_constraints:
        study=IMPORTED,
    conda:
        "../../envs/import.yaml"
    params:
        made_by=made_by("import_logs"),
        identity=lambda wc: registry.identity(block("models", wc.model)),
        logs=lambda wc: registry.canonical(logs(wc)),
        prompt=lambda wc: block("benchmarks", wc.benchmark).get("prompt", "{question}"),
        caps=lambda wc: registry.canonical(block("studies", wc.study)["caps"]),
        samples=lambda wc: registry.samples(block("studies", wc.study), wc.benchmark),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/import_logs.py --model {wildcards.model:q} --identity {params.identity:q} --logs {params.logs:q}"
        " --files {input.logs:q} --problems {input.problems:q} --prompt {params.prompt:q} --caps {params.caps:q}"
        " --samples {params.samples:q} --tokenizer {input.tokenizer:q} --verdicts {output.verdicts:q}"
        " --output {output.table:q} 2> >(keep {log:q})"


rule compare_verdicts:
    input:
        verdicts=lambda wc: measured(wc, "verdicts"),
        grades=lambda wc: measured(wc, "grades"),
    output:
        table="results/{study}/agreement.parquet",
        csv=report(
            "results/{study}/agreement.csv",
            caption="../report/agreement.rst",
            category="Tables",
            labels={"table": "Agreement with the logs", "study": "{study}"},
        ),
    log:
        "logs/compare_verdicts/{study}.log",
    benchmark:
        "benchmarks/compare_verdicts/{study}.tsv"
    wildcard_constraints:
        study=IMPORTED,
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("compare_verdicts"),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/compare_verdicts.py --verdicts {input.verdicts:q} --grades {input.grades:q}"
        " --output {output.table:q} &> {log:q}"


rule read_verdicts:
    input:
        logs=lambda wc: [log["file"] for log in block("studies", wc.study)["logs"]],
    output:
        runs="results/{study}/recorded/runs.csv",
        recorded="results/{study}/recorded/answers.parquet",
    log:
        "logs/read_verdicts/{study}.log",
    benchmark:
        "benchmarks/read_verdicts/{study}.tsv"
    wildcard_constraints:
        study=RECORDED,
    conda:
        "../../envs/import.yaml"
    params:
        made_by=made_by("read_verdicts"),
        logs=lambda wc: registry.canonical(block("studies", wc.study)["logs"]),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/read_verdicts.py --logs {params.logs:q} --runs {output.runs:q}"
        " --recorded {output.recorded:q} 2> {log:q}"
