def block(kind, name):
    """Return the block of one benchmark, model or study."""
    return config[kind][name]


def setting(key):
    """Return an input or params function that reads `key` of the job's study."""
    # Not `lookup`, which tries every path of the configuration.
    return lambda wc: registry.entry(block("studies", wc.study), key)


def is_held(wc, benchmark, shard):
    """Return whether the folder of a model's job holds a benchmark as its study asks for it."""
    made = Path(
        f"results/{wc.study}/generated/{wc.model}.{wc.strategy}{shard}/{benchmark}.{wc.strategy}.json"
    )
    study, model, strategy = (
        block("studies", wc.study),
        block("models", wc.model),
        block("strategies", wc.strategy),
    )
    return registry.is_current(made, study, model, benchmark, strategy, code("generate", without=ENGINES))


def generated(wc):
    """Return the folders that a model's jobs write; ancient are those that hold the benchmark as it is asked for."""
    found = []
    for shard in registry.shards(block("models", wc.model)):
        folder = f"results/{wc.study}/generated/{wc.model}.{wc.strategy}{shard}"
        found.append(ancient(folder) if is_held(wc, wc.benchmark, shard) else folder)
    return found


def posed(wc):
    """Return the benchmarks that a model's job answers, with the traces per problem of each.

    Where its folder holds all that the study asks for, what has been taken out of the study stays among them:
    to have answered more is no reason to run again.
    """
    found = {name: traces(wc, name) for name in block("studies", wc.study)["benchmarks"]}
    if all(is_held(wc, name, wc.shard) for name in found):
        folder = Path(f"results/{wc.study}/generated/{wc.model}.{wc.strategy}{wc.shard}")
        for name in sorted(set(config["benchmarks"]) - set(found)):
            made = folder / f"{name}.{wc.strategy}.json"
            if made.exists():
                found[name] = json.loads(made.read_text())["samples"]
    return found


def decoder(wc):
    """Return which of envs/generate-*.yaml the job's study decodes in."""
    device = block("studies", wc.study)["engine"].get("device")
    return {"cpu": "cpu", "cuda": "gpu"}.get(device, "endpoint")


def asked(wc, resource):
    """Return the minutes (`runtime`) or main memory (`mem_mb`) that a job of `generate` asks for."""
    plan = Path("results", wc.study, "plan.json")
    return job_resources.asked(plan, wc.model, block("models", wc.model))[resource]


def traces(wc, benchmark):
    """Return the traces per problem of one benchmark that the job's model writes."""
    strategy = block("strategies", wc.strategy)
    return registry.samples(block("studies", wc.study), benchmark, block("models", wc.model), strategy)


def code(script, **choice):
    """Return the digest of what a script runs: as a param it reruns the rule when that code changes.

    As inputs the files would be most of what Snakemake goes through when it plans.
    """
    return code_digest.digest(script, **choice)


def device(wc):
    """Return the description of the device that the analysis of the job's study names."""
    return f"data/hardware/{setting('analysis/device')(wc)}.yaml"


def measured(wc, product, suffix="parquet"):
    """Return one table per model, benchmark and strategy of a measured study that decodes what it answers."""
    return [
        f"results/{wc.study}/{product}/{model}/{benchmark}.{strategy}.{suffix}"
        for model, benchmark, strategy in registry.pairs(block("studies", wc.study))
        if method(strategy) in strategies.SAMPLED
    ]


def is_measured(study):
    """Return whether the study's points are measured: on completions made here, or imported."""
    return block("studies", study)["kind"] != "published"


def is_imported(study):
    """Return whether the study's completions come from logs of other tools."""
    return block("studies", study)["kind"] == "imported"


def is_generated(study):
    """Return whether the study's completions are made here."""
    return is_measured(study) and not is_imported(study)


def logs(wc):
    """Return the blocks of the logs of a job's model on its benchmark."""
    return block("studies", wc.study)["logs"][wc.model][wc.benchmark]


def log_files(wc):
    """Return what import_logs reads of each log: the file itself, or what read_inspect makes of it."""
    return [
        (
            f"results/{wc.study}/logs/{wc.model}/{wc.benchmark}.{wc.strategy}.{number}.jsonl"
            if log["format"] == "inspect"
            else log["file"]
        )
        for number, log in enumerate(logs(wc))
    ]


def judge(wc):
    """Return the model that judges in a job's study."""
    return block("studies", wc.study)["judge"]


def compared(wc):
    """Return what a study is held against: the verdicts of imported logs, the rules of a study with a judge."""
    names = ["agreement"] * is_imported(wc.study) + ["judge_error"] * ("judge" in block("studies", wc.study))
    names += ["strategies"] * spends_in_many_ways(wc.study)
    return expand("results/{study}/{name}.csv", study=wc.study, name=names)


def configuration(wc):
    """Return the config.json of a job's model; of imported logs it comes without the weights."""
    folder = "data/models/tokenizers" if is_imported(wc.study) else "data/models"
    return f"{folder}/{wc.model}.config.json"


def measures(wc):
    """Return the points without labels and dates, which a published study has not apart."""
    return f"results/{wc.study}/{'measures' if is_measured(wc.study) else 'points'}.parquet"


def table(name):
    """Return an input function: the file of a table of the job's study, the cards of its models, nothing where it has none."""
    special = {"measures": measures, "answers": answers, "models": descriptions}
    return special.get(name, f"results/{{study}}/{name}.parquet")


def answers(wc):
    """Return the answers of a measured study; a published one has none."""
    return [f"results/{wc.study}/answers.parquet"] if is_measured(wc.study) else []


def applies(entry, study):
    """Return whether an analysis or a figure is made of a study."""
    return analyses.applies(entry, is_measured(study), spends_in_many_ways(study))


def made_of(entry):
    """Return which studies an analysis or a figure is made of, as a regular expression."""
    return registry.one_of(name for name in config["studies"] if applies(entry, name)) or "(?!)"


def tables_of(analysis):
    """Return the output files of an analysis, by the option of its script; the first table is its `output`."""
    found = {}
    for number, made in enumerate(analysis.tables):
        found[made.name if number else "output"] = f"results/{{study}}/{made.name}.parquet"
        if made.csv:
            found[f"{made.name}_csv"] = report(
                f"results/{{study}}/{made.name}.csv",
                caption=f"../report/{made.name}.rst",
                category="Tables",
                labels={"table": made.csv, "study": "{study}"},
            )
    return found | {name: f"results/{{study}}/{file}" for name, file in analysis.files.items()}


def written(output):
    """Return the options that tell an analysis where to write; a CSV goes next to its table."""
    named = {name: path for name, path in output.items() if not name.endswith("_csv")}
    return " ".join(option(f"--{name.replace('_', '-')}", path) for name, path in named.items())


def read(input):
    """Return the options that tell a figure where its tables are; points without dates are points to it."""
    tables = [
        f"{name.replace('measures', 'points')}={path}" for name, path in input.items() if name != "models"
    ]
    return f"{option('--tables', tables)} {option('--models', list(input.get('models', [])))}"


def checked(wc):
    """Return the tables of the analyses of a study that check_results looks at."""
    made = [analysis for analysis in analyses.ANALYSES if applies(analysis, wc.study)]
    names = [each.name for analysis in made for each in analysis.tables if each.checked]
    return expand("results/{study}/{name}.parquet", study=wc.study, name=names)


def descriptions(wc):
    """Return the description of every model of a measured study."""
    return expand(
        "results/{study}/models/{model}.json", study=wc.study, model=block("studies", wc.study)["models"]
    )


def shown(wc):
    """Return as JSON the label, developer and release date of every model of a measured study."""
    models = block("studies", wc.study)["models"]
    return registry.canonical({model: registry.display(block("models", model)) for model in models})


def labels(wc, names):
    """Return as JSON how a figure calls the models, benchmarks and strategies in `names`; published points say it."""
    study = block("studies", wc.study)
    known = {
        "models": {name: block("models", name)["label"] for name in sorted(study.get("models", []))},
        "benchmarks": dict(sorted(registry.labels(config, study).items())),
        "strategies": named_strategies(study),
    }
    return registry.canonical_in_order({name: known[name] for name in names})


def figures(wc):
    """Return the figures of a study."""
    names = [figure.name for figure in analyses.FIGURES if applies(figure, wc.study)]
    return expand("results/{study}/figures/{name}.svg", study=wc.study, name=names)


def expected(wc):
    """Return the options that tell check_results what a measured study has to hold."""
    if not is_measured(wc.study):
        return ""
    study = block("studies", wc.study)
    models = {}
    for name in study["models"]:
        # What was drawn elsewhere keeps the caps and samples it was drawn with.
        model = None if is_imported(wc.study) else block("models", name)
        models[name] = {
            "benchmarks": [b for m, b, _ in registry.pairs(study) if m == name],
            "strategies": study["strategies"],
            "caps": registry.caps(study, model) if model else study["caps"],
            "several": [s for s in study["strategies"] if method(s) not in strategies.SAMPLED],
            "trees": [s for s in study["strategies"] if is_tree(s)],
            "samples": {b: registry.samples(study, b, model) for b in study["benchmarks"]},
        }
    problems = {name: block("benchmarks", name)["rows"] for name in study["benchmarks"]}
    return f"{option('--expected', registry.canonical(models))} {option('--problems', registry.canonical(problems))}"


def finished(wc):
    """Return the options that name what of a study has been measured: a plan compares with it."""
    measures = Path(f"results/{wc.study}/measures.parquet")
    jobs = [str(path) for path in map(Path, measured(wc, "generations", "json")) if path.exists()]
    return f"{option('--measures', measures if measures.exists() else None)} --provenance {' '.join(jobs)}"


def finish_times(wc):
    """Return when what `finished` names was written: what is measured anew renews the plan."""
    return [Path(word).stat().st_mtime_ns for word in finished(wc).split() if not word.startswith("--")]


def price(wc):
    """Return the option that tells what an hour of the study's device costs."""
    return option("--usd-per-hour", block("studies", wc.study)["analysis"].get("usd_per_hour"))


def option(name, value):
    """Return a command-line option with its value, or each of its values, quoted; nothing where there is none."""
    values = value if isinstance(value, list) else [value]
    return shlex.join([name, *map(str, values)]) if any(values) else ""


# What decodes requests, keeps and orders them, but decides neither the requests nor the rows made of them.
ENGINES = ("generation.engines", "generation.journal", "generation.scheduler", "core")
MEASURED = registry.one_of(name for name in config["studies"] if is_measured(name))
GENERATED = registry.one_of(name for name in config["studies"] if is_generated(name))
JUDGED = registry.one_of(name for name in config["studies"] if "judge" in block("studies", name)) or "(?!)"
BY_RULES = (
    registry.one_of(
        name for name in config["studies"] if is_measured(name) and "judge" not in block("studies", name)
    )
    or "(?!)"
)
IMPORTED = registry.one_of(name for name in config["studies"] if is_imported(name)) or "(?!)"
PUBLISHED = registry.one_of(name for name in config["studies"] if not is_measured(name))
