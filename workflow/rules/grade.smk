# In: generations and problems. Out: a grade per generation.


rule grade:
    input:
        generations=rules.collect.output.table,
        problems="data/benchmarks/{benchmark}.jsonl",
    output:
        table="results/{study}/grades/{model}/{benchmark}.{strategy}.parquet",
    log:
        "logs/grade/{study}/{model}/{benchmark}.{strategy}.log",
    benchmark:
        "benchmarks/grade/{study}/{model}/{benchmark}.{strategy}.tsv"
    wildcard_constraints:
        study=BY_RULES,
    conda:
        "../../envs/analyse.yaml"
    threads: 1
    params:
        made_by=made_by("grade"),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/grade.py --generations {input.generations:q} --problems {input.problems:q}"
        " --workers {threads:q} --output {output.table:q} &> {log:q}"
