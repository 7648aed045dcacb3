rule describe_model:
    input:
        script="workflow/scripts/describe_model.py",
        modules=modules("compute", "architecture", "layers", "config_fields"),
        config=rules.download_model.output.config,
    output:
        description="results/{study}/models/{model}.json",
    log:
        "logs/describe_model/{study}/{model}.log",
    benchmark:
        "benchmarks/describe_model/{study}/{model}.tsv"
    conda:
        "../../envs/analyse.yaml"
    shell:
        "python {input.script:q} --config-json {input.config:q} --output {output.description:q} &> {log:q}"


rule count_compute:
    input:
        script="workflow/scripts/count_compute.py",
        modules=modules("compute", "architecture", "layers", "config_fields"),
        config=rules.download_model.output.config,
        generations=rules.generate.output.table,
        provenance=rules.generate.output.provenance,
    output:
        table="results/{study}/compute/{model}/{benchmark}.{strategy}.parquet",
    log:
        "logs/count_compute/{study}/{model}/{benchmark}.{strategy}.log",
    benchmark:
        "benchmarks/count_compute/{study}/{model}/{benchmark}.{strategy}.tsv"
    conda:
        "../../envs/analyse.yaml"
    params:
        intensity=setting("analysis/intensity"),
    shell:
        "python {input.script:q} --generations {input.generations:q} --provenance {input.provenance:q}"
        " --config-json {input.config:q} --intensity {params.intensity} --output {output.table:q} &> {log:q}"
