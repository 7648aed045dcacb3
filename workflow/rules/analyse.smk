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
    conda:
        "../../envs/analyse.yaml"
    params:
        code=code("summarise_points"),
        benchmarks=setting("benchmarks"),
        seed=setting("analysis/seed"),
        draws=setting("analysis/draws"),
        price=price,
        combined=lambda wc, input: option("--combined", input.combined),
    shell:
        "python workflow/scripts/summarise_points.py --generations {input.generations:q} --grades {input.grades:q}"
        " --compute {input.compute:q} --models {input.models:q} --benchmarks {params.benchmarks:q}"
        " --seed {params.seed} --draws {params.draws} {params.price} {params.combined} --answers {output.answers:q}"
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
    log:
        "logs/describe_points/{study}.log",
    benchmark:
        "benchmarks/describe_points/{study}.tsv"
    wildcard_constraints:
        study=MEASURED,
    conda:
        "../../envs/analyse.yaml"
    params:
        code=code("describe_points"),
        # Labels and dates enter here and no earlier: editing one measures nothing again.
        models=lambda wc: shown(wc),
    shell:
        "python workflow/scripts/describe_points.py --measures {input.measures:q} --models {params.models:q}"
        " --points {output.points:q} &> {log:q}"


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
        code=code("summarise_published"),
        benchmarks=lambda wc: list(block("studies", wc.study)["labels"]),
    shell:
        "python workflow/scripts/summarise_published.py --table {input.table:q} --benchmarks {params.benchmarks:q}"
        " --points {output.points:q} &> {log:q}"


rule extract_frontier:
    input:
        points=lambda wc: measures(wc),
        answers=lambda wc: answers(wc),
    output:
        frontier="results/{study}/frontier.parquet",
        summary="results/{study}/frontier.json",
    log:
        "logs/extract_frontier/{study}.log",
    benchmark:
        "benchmarks/extract_frontier/{study}.tsv"
    conda:
        "../../envs/analyse.yaml"
    params:
        code=code("extract_frontier"),
        answers=lambda wc, input: option("--answers", input.answers),
        seed=setting("analysis/seed"),
        draws=setting("analysis/draws"),
    shell:
        "python workflow/scripts/extract_frontier.py --points {input.points:q} {params.answers} --seed {params.seed}"
        " --draws {params.draws} --frontier {output.frontier:q} --summary {output.summary:q} &> {log:q}"


rule fit_trend:
    input:
        points="results/{study}/points.parquet",
    output:
        trend="results/{study}/trend.parquet",
    log:
        "logs/fit_trend/{study}.log",
    benchmark:
        "benchmarks/fit_trend/{study}.tsv"
    conda:
        "../../envs/analyse.yaml"
    params:
        code=code("fit_trend"),
        seed=setting("analysis/seed"),
        draws=setting("analysis/draws"),
    shell:
        "python workflow/scripts/fit_trend.py --points {input.points:q} --seed {params.seed} --draws {params.draws}"
        " --output {output.trend:q} &> {log:q}"


rule fit_saturation:
    input:
        points=lambda wc: measures(wc),
        answers=lambda wc: answers(wc),
    output:
        saturation="results/{study}/saturation.parquet",
        pooled="results/{study}/saturation_pooled.parquet",
        csv=report(
            "results/{study}/saturation_pooled.csv",
            caption="../report/saturation_pooled.rst",
            category="Tables",
            labels={"table": "Saturation, models together", "study": "{study}"},
        ),
    log:
        "logs/fit_saturation/{study}.log",
    benchmark:
        "benchmarks/fit_saturation/{study}.tsv"
    conda:
        "../../envs/analyse.yaml"
    params:
        code=code("fit_saturation"),
        answers=lambda wc, input: option("--answers", input.answers),
        seed=setting("analysis/seed"),
        draws=setting("analysis/draws"),
    shell:
        "python workflow/scripts/fit_saturation.py --points {input.points:q} {params.answers} --seed {params.seed}"
        " --draws {params.draws} --output {output.saturation:q} --pooled {output.pooled:q} &> {log:q}"


rule compare_architectures:
    input:
        points=lambda wc: measures(wc),
        answers=lambda wc: answers(wc),
    output:
        architectures="results/{study}/architectures.parquet",
    log:
        "logs/compare_architectures/{study}.log",
    benchmark:
        "benchmarks/compare_architectures/{study}.tsv"
    conda:
        "../../envs/analyse.yaml"
    params:
        code=code("compare_architectures"),
        answers=lambda wc, input: option("--answers", input.answers),
        seed=setting("analysis/seed"),
        draws=setting("analysis/draws"),
    shell:
        "python workflow/scripts/compare_architectures.py --points {input.points:q} {params.answers} --seed {params.seed}"
        " --draws {params.draws} --output {output.architectures:q} &> {log:q}"


rule compare_outcomes:
    input:
        points=lambda wc: measures(wc),
        answers=lambda wc: answers(wc),
    output:
        outcomes="results/{study}/outcomes.parquet",
    log:
        "logs/compare_outcomes/{study}.log",
    benchmark:
        "benchmarks/compare_outcomes/{study}.tsv"
    conda:
        "../../envs/analyse.yaml"
    params:
        code=code("compare_outcomes"),
        answers=lambda wc, input: option("--answers", input.answers),
        seed=setting("analysis/seed"),
        draws=setting("analysis/draws"),
    shell:
        "python workflow/scripts/compare_outcomes.py --points {input.points:q} {params.answers} --seed {params.seed}"
        " --draws {params.draws} --output {output.outcomes:q} &> {log:q}"


rule compare_points:
    input:
        points="results/{study}/measures.parquet",
        answers="results/{study}/answers.parquet",
    output:
        differences="results/{study}/differences.parquet",
        csv=report(
            "results/{study}/differences.csv",
            caption="../report/differences.rst",
            category="Tables",
            labels={"table": "Differences between points", "study": "{study}"},
        ),
    log:
        "logs/compare_points/{study}.log",
    benchmark:
        "benchmarks/compare_points/{study}.tsv"
    wildcard_constraints:
        study=MEASURED,
    conda:
        "../../envs/analyse.yaml"
    params:
        code=code("compare_points"),
        seed=setting("analysis/seed"),
        draws=setting("analysis/draws"),
    shell:
        "python workflow/scripts/compare_points.py --points {input.points:q} --answers {input.answers:q} --seed {params.seed}"
        " --draws {params.draws} --output {output.differences:q} &> {log:q}"
