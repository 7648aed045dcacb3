# In: a model's config.json, generations or passes. Out: the model's card, and the FLOPs of every generation.


# Only for models with `flops: traced`.
rule trace_architecture:
    input:
        config=stored_configuration,
    output:
        config="results/{study}/traced/{model}.config.json",
    log:
        "logs/trace_architecture/{study}/{model}.log",
    benchmark:
        "benchmarks/trace_architecture/{study}/{model}.tsv"
    conda:
        "../../envs/generate-cpu.yaml"
    params:
        made_by=made_by("trace_architecture"),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/trace_architecture.py --config-json {input.config:q} --output {output.config:q} &> {log:q}"


rule describe_model:
    input:
        config=configuration,
    output:
        description="results/{study}/models/{model}.json",
        card="results/{study}/models/{model}.md",
    log:
        "logs/describe_model/{study}/{model}.log",
    benchmark:
        "benchmarks/describe_model/{study}/{model}.tsv"
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("describe_model"),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/describe_model.py --config-json {input.config:q} --output {output.description:q}"
        " --card {output.card:q} &> {log:q}"


rule count_compute:
    input:
        config=configuration,
        reward=lambda wc: reward_files(wc, "config.json"),
        device=device,
        # What is more than one chain is counted pass by pass.
        counted=lambda wc: decoded(
            wc, "passes" if strategies.METHODS[method(wc.strategy)].passes else "generations"
        ),
        provenance=rules.collect.output.provenance,
    output:
        table="results/{study}/compute/{model}/{benchmark}.{strategy}.parquet",
    log:
        "logs/count_compute/{study}/{model}/{benchmark}.{strategy}.log",
    benchmark:
        "benchmarks/count_compute/{study}/{model}/{benchmark}.{strategy}.tsv"
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("count_compute"),
        counted=lambda wc, input: option(f"--{Path(input.counted).parts[-3]}", input.counted),
        reward=lambda wc, input: option("--reward-config-json", input.reward),
        thoughts=lambda wc: option(
            "--thoughts", config["models"].get(wc.model, {}).get("thoughts", {}).get("tokens")
        ),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/count_compute.py {params.counted:q} {params.reward:q} {params.thoughts:q} --provenance {input.provenance:q}"
        " --config-json {input.config:q} --device {input.device:q} --output {output.table:q} &> {log:q}"
