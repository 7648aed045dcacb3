# In: grades by rules. Out: grades in which a judge decided what rules could not read, and the judge's error.


use rule grade as grade_by_rules with:
    output:
        table="results/{study}/rules/{model}/{benchmark}.{strategy}.parquet",
    log:
        "logs/grade_by_rules/{study}/{model}/{benchmark}.{strategy}.log",
    benchmark:
        "benchmarks/grade_by_rules/{study}/{model}/{benchmark}.{strategy}.tsv"
    wildcard_constraints:
        study=JUDGED,


rule list_asks:
    input:
        generations=lambda wc: measured(wc, "generations"),
        grades=lambda wc: measured(wc, "rules"),
        problems=lambda wc: expand(
            "data/benchmarks/{benchmark}.jsonl", benchmark=block("studies", wc.study)["benchmarks"]
        ),
    output:
        asks="results/{study}/judge/asks.jsonl",
    log:
        "logs/list_asks/{study}.log",
    benchmark:
        "benchmarks/list_asks/{study}.tsv"
    wildcard_constraints:
        study=JUDGED,
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("list_asks"),
        seed=setting("analysis/seed"),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/list_asks.py --generations {input.generations:q} --grades {input.grades:q}"
        " --problems {input.problems:q} --seed {params.seed:q} --output {output.asks:q} &> {log:q}"


# The judge writes as any model does: the same script, engine and journal, the asks being its problems.
rule ask_judge:
    input:
        manifest=lambda wc: f"data/models/{judge(wc)}.json",
        asks=rules.list_asks.output.asks,
    output:
        folder=directory("results/{study}/judge/replies"),
    log:
        "logs/ask_judge/{study}.log",
    benchmark:
        "benchmarks/ask_judge/{study}.tsv"
    wildcard_constraints:
        study=JUDGED,
    conda:
        lambda wc: f"../../envs/generate-{decoder(wc)}.yaml"
    threads: 1
    resources:
        gpu=lambda wc: block("models", judge(wc)).get("gpus", 0),
        model_gpus=lambda wc: block("models", judge(wc)).get("gpus", 0),
        mem_mb=lambda wc: block("models", judge(wc)).get("memory_mb", 4000),
        runtime=lambda wc: block("models", judge(wc)).get("runtime_minutes", 60),
    params:
        made_by=made_by("generate", without=ENGINES),
        judge=lambda wc: judge(wc),
        samples=lambda wc: registry.canonical({"asks": 1}),
        caps=lambda wc: registry.canonical([None]),
        identity=lambda wc: registry.identity(block("models", judge(wc))),
        seed=setting("analysis/seed"),
        date=lambda wc: option("--date", block("studies", wc.study).get("date")),
        engine=lambda wc: registry.engine(block("studies", wc.study), block("models", judge(wc))),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/generate.py --model {params.judge:q} --identity {params.identity:q}"
        " --manifest {input.manifest:q} --problems {input.asks:q} --samples {params.samples:q}"
        " --strategy judge --caps {params.caps:q} --answer-tokens 64 --seed {params.seed:q} {params.date:q} --engine {params.engine:q}"
        " --gpus {resources.model_gpus:q} --code {params.made_by:q} --journal-dir results/journal --output-dir {output.folder:q} 2> >(keep {log:q})"


rule apply_judge:
    input:
        generations=rules.collect.output.table,
        grades=rules.grade_by_rules.output.table,
        problems="data/benchmarks/{benchmark}.jsonl",
        replies=rules.ask_judge.output.folder,
        config=lambda wc: f"data/models/{judge(wc)}.config.json",
    output:
        judge="results/{study}/judge/{model}/{benchmark}.{strategy}.parquet",
        table="results/{study}/grades/{model}/{benchmark}.{strategy}.parquet",
    log:
        "logs/apply_judge/{study}/{model}/{benchmark}.{strategy}.log",
    benchmark:
        "benchmarks/apply_judge/{study}/{model}/{benchmark}.{strategy}.tsv"
    wildcard_constraints:
        study=JUDGED,
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("apply_judge"),
        seed=setting("analysis/seed"),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/apply_judge.py --model {wildcards.model:q} --generations {input.generations:q}"
        " --grades {input.grades:q} --problems {input.problems:q} --replies {input.replies:q}/asks.judge.parquet"
        " --config-json {input.config:q} --seed {params.seed:q} --judge {output.judge:q} --output {output.table:q}"
        " &> {log:q}"


rule measure_judge:
    input:
        judge=lambda wc: measured(wc, "judge"),
    output:
        table="results/{study}/judge_error.parquet",
        csv=report(
            "results/{study}/judge_error.csv",
            caption="../report/judge_error.rst",
            category="Tables",
            labels={"table": "Error of the judge", "study": "{study}"},
        ),
    log:
        "logs/measure_judge/{study}.log",
    benchmark:
        "benchmarks/measure_judge/{study}.tsv"
    wildcard_constraints:
        study=JUDGED,
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("measure_judge"),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/measure_judge.py --judge {input.judge:q} --output {output.table:q} &> {log:q}"
