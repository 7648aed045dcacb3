# In: recipes. Out: the pocket models and problems, made again next to the shipped ones, which studies read.


rule train_pocket:
    input:
        expand("results/train_pocket/{recipe}/training.json", recipe=config["pocket_models"]),


rule train_pocket_model:
    input:
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
        # Training takes hours: what it only calls at its ends is left out, and of the judge its prompt is kept.
        made_by=made_by("train_pocket_model", without=("compute", "core", "data", "grading.clean_text")),
        folder=lambda wc, output: str(Path(output.training).parent),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/train_pocket_model.py --recipes {input.recipes:q} --model {wildcards.recipe:q} --threads {threads:q}"
        " --output-dir {params.folder:q} 2> >(keep {log:q})"


rule draw_pocket:
    input:
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
        made_by=made_by("draw_pocket"),
    shell:
        "MADE_BY={params.made_by:q} python workflow/scripts/draw_pocket.py --recipes {input.recipes:q} --benchmark {wildcards.benchmark:q}"
        " --output {output.problems:q} &> {log:q}"
