rule plot_frontier:
    input:
        points=lambda wc: measures(wc),
        frontier="results/{study}/frontier.parquet",
    output:
        svg=report(
            "results/{study}/figures/frontier.svg",
            caption="../report/frontier.rst",
            category="Figures",
            labels={"figure": "Accuracy against compute", "study": "{study}"},
        ),
        png="results/{study}/figures/frontier.png",
    log:
        "logs/plot_frontier/{study}.log",
    benchmark:
        "benchmarks/plot_frontier/{study}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        code=code("plot_frontier"),
        labels=lambda wc: labels(wc),
    shell:
        "python workflow/scripts/plot_frontier.py --points {input.points:q} --frontier {input.frontier:q} --labels {params.labels:q}"
        " --output-svg {output.svg:q} --output-png {output.png:q} &> {log:q}"


rule plot_caps:
    input:
        points=lambda wc: measures(wc),
        saturation="results/{study}/saturation.parquet",
    output:
        svg=report(
            "results/{study}/figures/caps.svg",
            caption="../report/caps.rst",
            category="Figures",
            labels={"figure": "Accuracy against reasoning cap", "study": "{study}"},
        ),
        png="results/{study}/figures/caps.png",
    log:
        "logs/plot_caps/{study}.log",
    benchmark:
        "benchmarks/plot_caps/{study}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        code=code("plot_caps"),
        labels=lambda wc: labels(wc),
    shell:
        "python workflow/scripts/plot_caps.py --points {input.points:q} --saturation {input.saturation:q} --labels {params.labels:q}"
        " --output-svg {output.svg:q} --output-png {output.png:q} &> {log:q}"


rule plot_trend:
    input:
        points="results/{study}/points.parquet",
        trend="results/{study}/trend.parquet",
    output:
        svg=report(
            "results/{study}/figures/trend.svg",
            caption="../report/trend.rst",
            category="Figures",
            labels={"figure": "Accuracy per compute over time", "study": "{study}"},
        ),
        png="results/{study}/figures/trend.png",
    log:
        "logs/plot_trend/{study}.log",
    benchmark:
        "benchmarks/plot_trend/{study}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        code=code("plot_trend"),
        labels=lambda wc: labels(wc),
    shell:
        "python workflow/scripts/plot_trend.py --points {input.points:q} --trend {input.trend:q} --labels {params.labels:q}"
        " --output-svg {output.svg:q} --output-png {output.png:q} &> {log:q}"


rule plot_outcomes:
    input:
        outcomes="results/{study}/outcomes.parquet",
    output:
        svg=report(
            "results/{study}/figures/outcomes.svg",
            caption="../report/outcomes.rst",
            category="Figures",
            labels={"figure": "Failed against successful", "study": "{study}"},
        ),
        png="results/{study}/figures/outcomes.png",
    log:
        "logs/plot_outcomes/{study}.log",
    benchmark:
        "benchmarks/plot_outcomes/{study}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        code=code("plot_outcomes"),
        labels=lambda wc: labels(wc),
    shell:
        "python workflow/scripts/plot_outcomes.py --outcomes {input.outcomes:q} --labels {params.labels:q}"
        " --output-svg {output.svg:q} --output-png {output.png:q} &> {log:q}"


rule plot_components:
    input:
        answers="results/{study}/answers.parquet",
    output:
        svg=report(
            "results/{study}/figures/components.svg",
            caption="../report/components.rst",
            category="Figures",
            labels={"figure": "Compute by component", "study": "{study}"},
        ),
        png="results/{study}/figures/components.png",
    log:
        "logs/plot_components/{study}.log",
    benchmark:
        "benchmarks/plot_components/{study}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        code=code("plot_components"),
        labels=lambda wc: labels(wc),
    shell:
        "python workflow/scripts/plot_components.py --answers {input.answers:q} --labels {params.labels:q}"
        " --output-svg {output.svg:q} --output-png {output.png:q} &> {log:q}"


rule plot_context:
    input:
        models=lambda wc: descriptions(wc),
    output:
        svg=report(
            "results/{study}/figures/context.svg",
            caption="../report/context.rst",
            category="Figures",
            labels={"figure": "Compute by context", "study": "{study}"},
        ),
        png="results/{study}/figures/context.png",
    log:
        "logs/plot_context/{study}.log",
    benchmark:
        "benchmarks/plot_context/{study}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        code=code("plot_context"),
        labels=lambda wc: labels(wc, benchmarks=False),
    shell:
        "python workflow/scripts/plot_context.py --models {input.models:q} --labels {params.labels:q}"
        " --output-svg {output.svg:q} --output-png {output.png:q} &> {log:q}"


rule build_explorer:
    input:
        page=[
            "workflow/frontiers/report/explorer/page.html.jinja",
            "workflow/frontiers/report/explorer/page.js",
        ],
        points="results/{study}/points.parquet",
        frontier="results/{study}/frontier.parquet",
        summary="results/{study}/frontier.json",
        saturation="results/{study}/saturation.parquet",
        trend="results/{study}/trend.parquet",
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
        code=code("build_explorer"),
        labels=lambda wc: labels(wc),
        saturation=lambda wc, input: option("--saturation", input.saturation if is_measured(wc.study) else ""),
    shell:
        "python workflow/scripts/build_explorer.py --points {input.points:q} --frontier {input.frontier:q}"
        " --summary {input.summary:q} {params.saturation} --trend {input.trend:q} --labels {params.labels:q}"
        " --title 'Reasoning Frontiers: {wildcards.study}' --output {output.page:q} &> {log:q}"


rule check_results:
    input:
        points="results/{study}/points.parquet",
        frontier="results/{study}/frontier.parquet",
        trend="results/{study}/trend.parquet",
        saturation="results/{study}/saturation.parquet",
        architectures="results/{study}/architectures.parquet",
        outcomes="results/{study}/outcomes.parquet",
        differences=lambda wc: differences(wc),
        answers=lambda wc: answers(wc),
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
        code=code("check_results"),
        answers=lambda wc, input: option("--answers", input.answers),
        differences=lambda wc, input: option("--differences", input.differences),
        expected=lambda wc: expected(wc),
    shell:
        "python workflow/scripts/check_results.py --points {input.points:q} --frontier {input.frontier:q} --trend {input.trend:q}"
        " --saturation {input.saturation:q} --architectures {input.architectures:q}"
        " --outcomes {input.outcomes:q} {params.differences} {params.answers} {params.expected}"
        " --output {output.checks:q} &> {log:q}"


rule report:
    input:
        captions=sorted(str(path) for path in Path("workflow/report").glob("*.rst")),
        figures=lambda wc: figures(wc),
        page="results/{study}/explorer.html",
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
        code=code("report"),
        configfiles=lambda wc: option("--configfiles", list(workflow.overwrite_configfiles)),
    shell:
        "python workflow/scripts/report.py --show {input.figures:q} {input.page:q} {input.points:q} {input.checks:q}"
        " {input.compared:q}"
        " {params.configfiles} --output {output.report:q} &> {log:q}"
