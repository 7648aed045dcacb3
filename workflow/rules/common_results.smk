# Input and params functions of the rules that analyse points and show results.


def finished_studies():
    """Return what a run ends with: the report and the checks of each of its studies, and the page over all."""
    force_unrecorded()
    products = expand("results/{study}/{product}", study=config["run"], product=["report.zip", "checks.json"])
    read = [f"results/{name}/answers.html" for name in config["run"] if is_measured(name)]
    return [*products, *read, "results/index.html"]


def table(name):
    """Return an input function for a table of the job's study: `models` are the cards of its models."""
    special = {"measures": measures, "answers": answers, "models": descriptions}
    return special.get(name, f"results/{{study}}/{name}.parquet")


def measures(wc):
    """Return the points without labels and dates; those of others have only points with them."""
    force_unrecorded()
    return f"results/{wc.study}/{'measures' if is_measured(wc.study) else 'points'}.parquet"


def answers(wc):
    """Return the answers of a study; a published study has none."""
    return [f"results/{wc.study}/answers.parquet"] if has_answers(wc.study) else []


def answered(name):
    """Return an input function for a table that only studies with answers have."""
    return lambda wc: [f"results/{wc.study}/{name}.parquet"] if has_answers(wc.study) else []


def applies(entry, study):
    """Return whether an analysis or a figure is made of a study."""
    return analyses.applies(entry, block("studies", study)["kind"], spends_in_many_ways(study))


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
    return [word for name, path in named.items() for word in option(f"--{name.replace('_', '-')}", path)]


def read(input):
    """Return the options that tell a figure where its tables are; it takes points with or without dates."""
    tables = [
        f"{name.replace('measures', 'points')}={path}" for name, path in input.items() if name != "models"
    ]
    return option("--tables", tables) + option("--models", list(input.get("models", [])))


def checked(wc):
    """Return the tables of a study's analyses that check_results reads."""
    made = [analysis for analysis in analyses.ANALYSES if applies(analysis, wc.study)]
    names = [each.name for analysis in made for each in analysis.tables if each.checked]
    return expand("results/{study}/{name}.parquet", study=wc.study, name=names)


def descriptions(wc):
    """Return the description of every model of a measured study whose architecture is public."""
    known = [name for name in block("studies", wc.study)["models"] if not block("models", name)["closed"]]
    return expand("results/{study}/models/{model}.json", study=wc.study, model=known)


def shown(wc):
    """Return as JSON the label, developer and release date of every model of a measured study."""
    models = block("studies", wc.study)["models"]
    return escapes.script_json({model: registry.display(block("models", model)) for model in sorted(models)})


def facts(wc):
    """Return as JSON the chance level and the date of each benchmark of a study, where given."""
    return registry.canonical(registry.facts(config, block("studies", wc.study)))


def labels(wc, names):
    """Return as JSON the labels of the models, benchmarks or strategies in `names`; published points carry their own."""
    study = block("studies", wc.study)
    known = {
        "models": {name: block("models", name)["label"] for name in sorted(study.get("models", []))}
        | (registry.labels_of_recorded(study) if study["kind"] == "recorded" else {}),
        "benchmarks": dict(sorted(registry.labels(config, study).items())),
        "strategies": named_strategies(study),
    }
    return escapes.script_json({name: known[name] for name in names})


def hidden(wc):
    """Return the benchmarks of a study whose texts the page of answers does not show."""
    return [
        name for name in block("studies", wc.study)["benchmarks"] if block("benchmarks", name)["hide_texts"]
    ]


def figures(wc):
    """Return the figures of a study."""
    names = [figure.name for figure in analyses.FIGURES if applies(figure, wc.study)]
    return expand("results/{study}/figures/{name}.svg", study=wc.study, name=names)


def compared(wc):
    """Return the further tables of a report: agreement with logs, the judge's error, strategies, what no check asks for."""
    names = ["agreement"] * is_imported(wc.study) + ["judge_error"] * ("judge" in block("studies", wc.study))
    names += ["strategies"] * spends_in_many_ways(wc.study)
    for analysis in filter(lambda each: applies(each, wc.study), analyses.ANALYSES):
        if not any(each.checked for each in analysis.tables):
            names += [each.name for each in analysis.tables if each.csv]
    return expand("results/{study}/{name}.csv", study=wc.study, name=names)


def expected(wc):
    """Return the options that tell check_results what a measured study must hold."""
    if not is_measured(wc.study):
        return []
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
    return [
        *option("--expected", registry.canonical(models)),
        *option("--problems", registry.canonical(problems)),
    ]


def finished(wc):
    """Return the options that name what has been measured of a study, which a plan is compared with."""
    measures = Path(f"results/{wc.study}/measures.parquet")
    jobs = [str(path) for path in map(Path, measured(wc, "generations", "json")) if path.exists()]
    return [*option("--measures", measures if measures.exists() else None), "--provenance", *jobs]


def finish_times(wc):
    """Return when the files named by `finished` were written: new measurements renew the plan."""
    return [Path(word).stat().st_mtime_ns for word in finished(wc) if not word.startswith("--")]


def price(wc):
    """Return the option with the price of an hour of the study's device."""
    return option("--usd-per-hour", block("studies", wc.study)["analysis"].get("usd_per_hour"))


def device(wc):
    """Return the description of the device that the analysis of the job's study names."""
    return f"data/hardware/{setting('analysis/device')(wc)}.yaml"


def recorded(wc, table):
    """Return the table `runs` or `answers` of a recorded study: its own, or the one that is read from its logs."""
    return block("studies", wc.study).get(table, f"results/{wc.study}/recorded/{RECORDED_FILES[table]}")


RECORDED_FILES = {"runs": "runs.csv", "answers": "answers.parquet"}


def followed(wc, table):
    """Return a table of `follow_frontier`, which only studies of others' models have."""
    follows = next(entry for entry in analyses.ANALYSES if entry.rule == "follow_frontier")
    return f"results/{wc.study}/{table}.parquet" if applies(follows, wc.study) else []


def serving(wc):
    """Return the description of the device that a recorded study is thought to be served on, if it names one."""
    serves = block("studies", wc.study).get("serving")
    return f"data/hardware/{serves['device']}.yaml" if serves else []


def served(wc, input):
    """Return the options of `serving`."""
    serves = block("studies", wc.study).get("serving")
    if not serves:
        return []
    numbers = ["--devices", serves["devices"], "--batch", serves["batch"]]
    return [*option("--serving", input.serving), *numbers]
