# In: generations, grades, compute (or published figures). Out: points, answers, and the tables of every analysis.


rule summarise_points:
    input:
        generations=lambda wc: measured(wc, "generations"),
        grades=lambda wc: measured(wc, "grades"),
        compute=lambda wc: measured(wc, "compute"),
        combined=made_of_several,
        models=lambda wc: descriptions(wc),
    output:
        answers="results/{study}/answers.parquet",
        measures="results/{study}/measures.parquet",
    log:
        "logs/summarise_points/{study}.log",
    benchmark:
        "benchmarks/summarise_points/{study}.tsv"
    wildcard_constraints:
        study=MEASURED,
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by(
            "summarise_points", seed=setting("analysis/seed"), draws=setting("analysis/draws"), price=price
        ),
        benchmarks=setting("benchmarks"),
        seed=setting("analysis/seed"),
        draws=setting("analysis/draws"),
        price=price,
        combined=lambda wc, input: option("--combined", input.combined),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/summarise_points.py --generations {input.generations:q} --grades {input.grades:q}"
        " --compute {input.compute:q} --models {input.models:q} --benchmarks {params.benchmarks:q}"
        " --seed {params.seed:q} --draws {params.draws:q} {params.price:q} {params.combined:q} --answers {output.answers:q}"
        " --measures {output.measures:q} &> {log:q}"


rule describe_points:
    input:
        measures="results/{study}/measures.parquet",
    output:
        points="results/{study}/points.parquet",
        csv=report(
            "results/{study}/points.csv",
            caption="../report/points.rst",
            category="Tables",
            labels={"table": "Points", "study": "{study}"},
        ),
        left_out="results/{study}/left_out.csv",
    log:
        "logs/describe_points/{study}.log",
    benchmark:
        "benchmarks/describe_points/{study}.tsv"
    wildcard_constraints:
        study=MEASURED,
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("describe_points"),
        # Labels and dates enter here and no earlier: editing one measures nothing again.
        models=lambda wc: shown(wc),
        facts=facts,
        left_out=lambda wc: missing_models(wc),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/describe_points.py --measures {input.measures:q} --models {params.models:q}"
        " --facts {params.facts:q} {params.left_out:q} --points {output.points:q}"
        " --missing {output.left_out:q} &> {log:q}"


rule summarise_published:
    input:
        table=setting("table"),
        architectures=sorted(str(path) for path in Path("data/architectures").glob("*.yaml")),
    output:
        points="results/{study}/points.parquet",
        csv=report(
            "results/{study}/points.csv",
            caption="../report/points.rst",
            category="Tables",
            labels={"table": "Points", "study": "{study}"},
        ),
    log:
        "logs/summarise_published/{study}.log",
    benchmark:
        "benchmarks/summarise_published/{study}.tsv"
    wildcard_constraints:
        study=PUBLISHED,
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("summarise_published"),
        benchmarks=lambda wc: list(block("studies", wc.study)["labels"]),
        facts=facts,
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/summarise_published.py --table {input.table:q} --benchmarks {params.benchmarks:q}"
        " --facts {params.facts:q} --points {output.points:q} &> {log:q}"


rule summarise_recorded:
    input:
        runs=lambda wc: recorded(wc, "runs"),
        recorded=lambda wc: recorded(wc, "answers"),
        device=device,
        prices=lambda wc: block("studies", wc.study).get("prices", []),
        serving=serving,
        architectures=sorted(str(path) for path in Path("data/architectures").glob("*.yaml")),
    output:
        answers="results/{study}/answers.parquet",
        points="results/{study}/points.parquet",
        csv=report(
            "results/{study}/points.csv",
            caption="../report/points.rst",
            category="Tables",
            labels={"table": "Points", "study": "{study}"},
        ),
    log:
        "logs/summarise_recorded/{study}.log",
    benchmark:
        "benchmarks/summarise_recorded/{study}.tsv"
    wildcard_constraints:
        study=RECORDED,
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("summarise_recorded", seed=setting("analysis/seed"), draws=setting("analysis/draws")),
        benchmarks=lambda wc: list(block("studies", wc.study)["labels"]),
        caps=lambda wc: ["none" if cap is None else cap for cap in block("studies", wc.study)["caps"]],
        facts=facts,
        seed=setting("analysis/seed"),
        draws=setting("analysis/draws"),
        prices=lambda wc, input: option("--prices", input.prices),
        serving=served,
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/summarise_recorded.py --runs {input.runs:q} --recorded {input.recorded:q}"
        " --device {input.device:q} --benchmarks {params.benchmarks:q} --caps {params.caps:q} --facts {params.facts:q} --seed {params.seed:q}"
        " --draws {params.draws:q} {params.prices:q} {params.serving:q} --answers {output.answers:q} --points {output.points:q} &> {log:q}"


# One rule per entry of frontiers/analysis/registry.py: points and answers come in, tables go out.
for analysis in analyses.ANALYSES:

    rule:
        name:
            analysis.rule
        input:
            points=table(analysis.points),
            answers=table("answers") if analysis.answers else [],
            grades=grades if analysis.grades else [],
        output:
            **tables_of(analysis),
        log:
            f"logs/{analysis.rule}/{{study}}.log",
        benchmark:
            f"benchmarks/{analysis.rule}/{{study}}.tsv"
        wildcard_constraints:
            study=made_of(analysis),
        conda:
            "../../envs/analyse.yaml"
        params:
            made_by=made_by(analysis.rule, seed=setting("analysis/seed"), draws=setting("analysis/draws")),
            script=f"workflow/scripts/{analysis.rule}.py",
            answers=lambda wc, input: option("--answers", input.answers),
            grades=lambda wc, input: option("--grades", input.grades),
            output=lambda wc, output: written(output),
            seed=setting("analysis/seed"),
            draws=setting("analysis/draws"),
        shell:
            "MADE_BY={params.made_by:q} python {params.script:q} --points {input.points:q} {params.answers:q} {params.grades:q} --seed {params.seed:q}"
            " --draws {params.draws:q} {params.output:q} &> {log:q}"
