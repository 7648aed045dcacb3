# In: the configuration and published lengths. Out: what a study will take, and what its jobs request.


rule plan:
    input:
        expand("results/{study}/plan.txt", study=[name for name in config["run"] if is_generated(name)]),
    log:
        "logs/plan.log",
    localrule: True
    conda:
        "../../envs/analyse.yaml"
    shell:
        "tail --lines +1 {input:q} < /dev/null | tee {log:q}"


rule plan_study:
    input:
        device=lambda wc: f"data/hardware/{setting('plan/device')(wc)}.yaml",
        published="data/published/open_models.csv",
        lengths="data/published/lengths.csv",
    output:
        plan="results/{study}/plan.parquet",
        csv="results/{study}/plan.csv",
        summary="results/{study}/plan.txt",
        jobs="results/{study}/plan.json",
    log:
        "logs/plan_study/{study}.log",
    benchmark:
        "benchmarks/plan_study/{study}.tsv"
    wildcard_constraints:
        study=GENERATED,
    conda:
        "../../envs/analyse.yaml"
    params:
        made_by=made_by("plan_study"),
        request=lambda wc: registry.planned(config, block("studies", wc.study)),
        finished=finished,
        times=finish_times,
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/plan_study.py --request {params.request:q} --published {input.published:q} --lengths {input.lengths:q}"
        " --device {input.device:q} {params.finished:q} --output {output.plan:q} --summary {output.summary:q}"
        " --jobs {output.jobs:q} &> {log:q}"
