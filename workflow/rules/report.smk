# In: points and the tables of the analyses. Out: figures, the explorer, checks and the report.


# One rule per figure of frontiers/analysis/registry.py; its tables come in, the figure goes out.
for figure in analyses.FIGURES:

    rule:
        name:
            f"plot_{figure.name}"
        input:
            **{name: table(name) for name in figure.tables},
        output:
            svg=report(
                f"results/{{study}}/figures/{figure.name}.svg",
                caption=f"../report/{figure.name}.rst",
                category="Figures",
                labels={"figure": figure.title, "study": "{study}"},
            ),
            png=f"results/{{study}}/figures/{figure.name}.png",
        log:
            f"logs/plot_{figure.name}/{{study}}.log",
        benchmark:
            f"benchmarks/plot_{figure.name}/{{study}}.tsv"
        wildcard_constraints:
            study=made_of(figure),
        conda:
            "../../envs/figures.yaml"
        params:
            made_by=made_by("plot", also=(f"report.figures.{figure.name}",)),
            figure=figure.name,
            tables=lambda wc, input: read(input),
            labels=lambda wc, names=figure.names: labels(wc, names),
            left_out=lambda wc: missing_models(wc),
        shell:
            "MADE_BY={params.made_by:q} python workflow/scripts/plot.py --figure {params.figure:q} {params.tables:q} --labels {params.labels:q} {params.left_out:q}"
            " --output-svg {output.svg:q} --output-png {output.png:q} &> {log:q}"


rule write_findings:
    input:
        points="results/{study}/points.parquet",
        frontier="results/{study}/frontier.parquet",
        trend="results/{study}/trend.parquet",
        ability_trend="results/{study}/ability_trend.parquet",
        saturation="results/{study}/saturation.parquet",
        gains="results/{study}/gains.parquet",
        architectures="results/{study}/architectures.parquet",
        size_pairs="results/{study}/size_pairs.parquet",
        outcomes="results/{study}/outcomes.parquet",
        half_years=lambda wc: followed(wc, "half_years"),
        cohorts=lambda wc: followed(wc, "cohorts"),
        difficulty_gains=answered("difficulty_gains"),
        differences=answered("differences"),
        seeds=answered("seeds"),
        policies=judged_policies,
    output:
        page=report(
            "results/{study}/findings.md",
            caption="../report/findings.rst",
            category="Findings",
            labels={"page": "Findings", "study": "{study}"},
        ),
        cells="results/{study}/findings.json",
    log:
        "logs/write_findings/{study}.log",
    benchmark:
        "benchmarks/write_findings/{study}.tsv"
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("write_findings"),
        answered=lambda wc, input: [
            *option("--difficulty-gains", input.difficulty_gains),
            *option("--differences", input.differences),
            *option("--seeds", input.seeds),
            *option("--policies", input.policies),
        ],
        labels=lambda wc: labels(wc, ("benchmarks",)),
        left_out=lambda wc: missing_models(wc),
        followed=lambda wc, input: [
            *option("--half-years", input.half_years),
            *option("--cohorts", input.cohorts),
        ],
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/write_findings.py --points {input.points:q} --frontier {input.frontier:q}"
        " --trend {input.trend:q} --ability-trend {input.ability_trend:q} --saturation {input.saturation:q} --gains {input.gains:q}"
        " --architectures {input.architectures:q}"
        " --size-pairs {input.size_pairs:q} --outcomes {input.outcomes:q} {params.answered:q} --study {wildcards.study:q} --labels {params.labels:q}"
        " {params.followed:q} {params.left_out:q} --output {output.page:q}"
        " &> {log:q}"


rule build_explorer:
    input:
        page=expand(
            "workflow/frontiers/report/explorer/{file}",
            file=["page.html.jinja", "state.js", "charts.js", "page.js"],
        ),
        points="results/{study}/points.parquet",
        frontier="results/{study}/frontier.parquet",
        summary="results/{study}/frontier.json",
        saturation="results/{study}/saturation.parquet",
        trend="results/{study}/trend.parquet",
        gains="results/{study}/gains.parquet",
        architectures="results/{study}/architectures.parquet",
        size_pairs="results/{study}/size_pairs.parquet",
        findings="results/{study}/findings.json",
    output:
        page=report(
            "results/{study}/explorer.html",
            caption="../report/explorer.rst",
            category="Explorer",
            labels={"page": "Explorer", "study": "{study}"},
        ),
    log:
        "logs/build_explorer/{study}.log",
    benchmark:
        "benchmarks/build_explorer/{study}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        made_by=made_by("build_explorer"),
        labels=lambda wc: labels(wc, ("models", "benchmarks")),
        title="Reasoning Frontiers: {study}",
        saturation=lambda wc, input: option("--saturation", input.saturation if has_answers(wc.study) else ""),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/build_explorer.py --points {input.points:q} --frontier {input.frontier:q}"
        " --summary {input.summary:q} {params.saturation:q} --trend {input.trend:q} --gains {input.gains:q} --architectures {input.architectures:q}"
        " --size-pairs {input.size_pairs:q} --findings {input.findings:q} --labels {params.labels:q}"
        " --title {params.title:q} --output {output.page:q} &> {log:q}"


# The page of all completions of a study, with their verdicts.
rule show_answers:
    input:
        page=expand("workflow/frontiers/report/answers/{file}", file=["page.html.jinja", "page.js"]),
        generations=lambda wc: measured(wc, "generations"),
        grades=lambda wc: measured(wc, "grades"),
        answers="results/{study}/answers.parquet",
        problems=lambda wc: expand(
            "data/benchmarks/{benchmark}.jsonl", benchmark=block("studies", wc.study)["benchmarks"]
        ),
    output:
        page="results/{study}/answers.html",
        folder=directory("results/{study}/answers"),
    log:
        "logs/show_answers/{study}.log",
    benchmark:
        "benchmarks/show_answers/{study}.tsv"
    wildcard_constraints:
        study=MEASURED,
    conda:
        "../../envs/figures.yaml"
    params:
        made_by=made_by("show_answers"),
        hidden=lambda wc: option("--hidden", hidden(wc)),
        labels=lambda wc: labels(wc, ("models", "benchmarks", "strategies")),
        title="Answers: {study}",
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/show_answers.py --generations {input.generations:q} --grades {input.grades:q}"
        " --answers {input.answers:q} --problems {input.problems:q} {params.hidden:q} --labels {params.labels:q}"
        " --title {params.title:q} --output {output.page:q} --folder {output.folder:q} &> {log:q}"


rule check_results:
    input:
        points="results/{study}/points.parquet",
        answers=table("answers"),
        tables=lambda wc: checked(wc),
    output:
        checks=report(
            "results/{study}/checks.json",
            caption="../report/checks.rst",
            category="Checks",
            labels={"table": "Checks", "study": "{study}"},
        ),
    log:
        "logs/check_results/{study}.log",
    benchmark:
        "benchmarks/check_results/{study}.tsv"
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("check_results"),
        expected=lambda wc: expected(wc),
        # Of every script but that of preflight, on which no table rests.
        digests=lambda wc: registry.canonical(
            {script: digest(wc) for script, digest in MADE_BY.items() if script != "preflight_model"}
        ),
        report="results/{study}/report.zip",
    # Snakemake deletes what a failed job wrote. Here a failed check leaves checks.json and no report: `report` refuses.
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/check_results.py --tables {input.points:q} {input.answers:q} {input.tables:q}"
        " {params.expected:q} --made-by {params.digests:q} --output {output.checks:q} &> {log:q}"
        " || {{ cat {log:q} >&2; rm -f {params.report:q}; test -s {output.checks:q}; }}"


rule report:
    input:
        captions=sorted(str(path) for path in Path("workflow/report").glob("*.rst")),
        figures=lambda wc: figures(wc),
        page="results/{study}/explorer.html",
        findings="results/{study}/findings.md",
        points="results/{study}/points.csv",
        checks="results/{study}/checks.json",
        compared=lambda wc: compared(wc),
    output:
        report="results/{study}/report.zip",
    log:
        "logs/report/{study}.log",
    benchmark:
        "benchmarks/report/{study}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        made_by=made_by("report"),
        configfiles=lambda wc: option("--configfiles", list(workflow.overwrite_configfiles)),
        config=lambda wc: registry.canonical({**workflow.config_settings.config, "run": [wc.study]}),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/report.py --checks {input.checks:q} --show {input.findings:q} {input.figures:q} {input.page:q}"
        " {input.points:q} {input.checks:q} {input.compared:q} {params.configfiles:q} --config {params.config:q}"
        " --output {output.report:q} &> {log:q}"


# The page over all studies of a run.
rule write_index:
    input:
        template="workflow/frontiers/report/index.html.jinja",
        pages=expand(
            "results/{study}/{product}", study=config["run"], product=["report.zip", "explorer.html"]
        ),
        findings=expand("results/{study}/findings.json", study=config["run"]),
        points=expand("results/{study}/points.parquet", study=config["run"]),
        figures=expand("results/{study}/figures/frontier.png", study=config["run"]),
        checks=expand("results/{study}/checks.json", study=config["run"]),
        answers=[f"results/{name}/answers.html" for name in config["run"] if is_measured(name)],
    output:
        page="results/index.html",
        text="results/index.txt",
    log:
        "logs/write_index.log",
    benchmark:
        "benchmarks/write_index.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        made_by=made_by("write_index"),
        studies=config["run"],
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/write_index.py --studies {params.studies:q} --output {output.page:q}"
        " &> {log:q}"
