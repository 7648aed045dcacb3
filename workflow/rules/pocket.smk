# The shipped models and problems are inputs of the study; these rules make them again, beside them.
rule train_pocket:
    input:
        expand("results/train_pocket/{recipe}/training.json", recipe=config["pocket_models"]),


rule train_pocket_model:
    input:
        script="workflow/scripts/train_pocket_model.py",
        recipes="data/pocket/recipes.yaml",
        # Those that recipes start from or learn from.
        shipped=sorted(str(path) for path in Path("data/pocket/models").glob("*/model.safetensors")),
    output:
        training="results/train_pocket/{recipe}/training.json",
        weights="results/train_pocket/{recipe}/model.safetensors",
    log:
        "logs/train_pocket_model/{recipe}.log",
    benchmark:
        "benchmarks/train_pocket_model/{recipe}.tsv"
    conda:
        "../../envs/generate-cpu.yaml"
    threads: 1
    params:
        # Not what these import in turn: training takes hours, and of the judge it is the prompt alone that matters.
        modules=dependencies.digest(
            [
                "pocket",
                "pocket_card",
                "pocket_judge",
                "pocket_reward",
                "pocket_training",
                "judging",
                "thought_training",
                "thoughts",
            ]
        ),
        folder=lambda wc, output: str(Path(output.training).parent),
    shell:
        "python {input.script:q} --recipes {input.recipes:q} --model {wildcards.recipe:q} --threads {threads}"
        " --output-dir {params.folder:q} 2> >(trap '' TERM; tee {log:q} >&2)"


rule draw_pocket:
    input:
        script="workflow/scripts/draw_pocket.py",
        recipes="data/pocket/recipes.yaml",
    output:
        problems="results/draw_pocket/{benchmark}.jsonl",
    log:
        "logs/draw_pocket/{benchmark}.log",
    benchmark:
        "benchmarks/draw_pocket/{benchmark}.tsv"
    conda:
        "../../envs/analyse.yaml"
    params:
        modules=modules("pocket"),
    shell:
        "python {input.script:q} --recipes {input.recipes:q} --benchmark {wildcards.benchmark:q}"
        " --output {output.problems:q} &> {log:q}"
