# What all stages ask of the configuration, such as the kinds of studies, settings, code digests and options.


def block(kind, name):
    """Return the block of one benchmark, model or study."""
    return config[kind][name]


def setting(key):
    """Return an input or params function that reads `key` of the job's study."""
    # Not `lookup`, which tries every path of the configuration.
    return lambda wc: registry.entry(block("studies", wc.study), key)


def code(script, **choice):
    """Return the digest of what a script runs, see `code_digest.digest`."""
    # As inputs the files would be most of what Snakemake goes through when it plans.
    return code_digest.digest(script, **choice)


def made_by(script, without=(), also=(), **settings):
    """Return, for the param `made_by` of a rule, the digest of its script's code and of the study's `settings`.

    It reruns the rule when one of them changes; tables record it, and `check_results` compares it. Each setting is a
    params function.
    """
    known = code(script, without=without, also=also)

    def of_study(wc):
        return currency.made_by(known, {name: value(wc) for name, value in settings.items()})

    MADE_BY[script] = of_study if settings else lambda wc: known
    return of_study if settings else known


# Digest of code and settings by which a script's tables are made, as a function of the study.
MADE_BY = {}


# Code that fetches or checks is left out: it changes neither problems nor checkpoints.
DOWNLOADS = {
    "benchmarks": code("download_benchmark", without=("data.hub", "grading", "core", "config")),
    "models": code("download_model", without=("compute", "data", "core", "config")),
}


def downloaded_by(kind, name):
    """Return the digest of the code and the block by which a benchmark or a model is downloaded."""
    return currency.made_by(DOWNLOADS[kind], registry.source(kind, block(kind, name)))


def measured(wc, product, suffix="parquet"):
    """Return one table per model, benchmark and decoding strategy of a measured study."""
    force_unrecorded()
    return [
        f"results/{wc.study}/{product}/{model}/{benchmark}.{strategy}.{suffix}"
        for model, benchmark, strategy in registry.pairs(block("studies", wc.study))
        if method(strategy) in strategies.SAMPLED
    ]


def has_answers(study):
    """Return whether a study has answers one by one; a published one has points only."""
    return block("studies", study)["kind"] != "published"


def is_measured(study):
    """Return whether a study has generations, made here or imported."""
    return block("studies", study)["kind"] in ("measured", "imported")


def is_imported(study):
    """Return whether a study's completions come from logs of other tools."""
    return block("studies", study)["kind"] == "imported"


def is_generated(study):
    """Return whether a study's completions are generated here."""
    return is_measured(study) and not is_imported(study)


def option(name, value):
    """Return the words of a command-line option and its value or values; none if there is no value."""
    values = value if isinstance(value, list) else [value]
    return [name, *map(str, values)] if any(values) else []


@cache
def force_unrecorded():
    """Have the jobs run that make what exists in `results` and Snakemake has no record of.

    Without a record nothing tells of which parameters and code a product was made. Of a job that has a record of some
    of its files alone Snakemake compares nothing: so the rules run too that have come to make one more file. What
    decodes is left out: its provenance says it.
    """
    if not workflow.is_main_process:
        return
    found, several = set(), [rule for rule in workflow.rules if len(rule.output) > 1]
    for path in (path for study in config["run"] for path in Path("results", study).rglob("*")):
        if path.is_file():
            makers = several if records.is_recorded(path) else workflow.rules
            of = [rule for rule in makers if rule not in found and rule.is_producer(str(path))]
            found |= {rule for rule in of if makers is not several or lacks_one(rule, str(path))}
    workflow.dag.forcerules |= {rule for rule in found if rule.name not in ("generate", "plan_study")}


def lacks_one(rule, path):
    """Return whether the job of `rule` that makes `path` makes another file that is not there."""
    return not all(map(os.path.exists, rule.expand_output(rule.get_wildcards(path))[0]))


# What decodes requests, keeps and orders them, but decides neither the requests nor the rows made of them.
ENGINES = ("generation.engines", "generation.journal", "generation.scheduler", "core", "data.manifests")
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
PUBLISHED = registry.one_of(name for name in config["studies"] if not has_answers(name)) or "(?!)"
RECORDED = (
    registry.one_of(name for name in config["studies"] if has_answers(name) and not is_measured(name))
    or "(?!)"
)


def refuse_unpinned():
    """Stop a run before anything is fetched if a model's revision is a proposal, which its author may change."""
    for job in workflow.dag.needrun_jobs():
        found = block("models", job.wildcards.model) if job.rule.name == "download_model" else {}
        if (revision := found.get("revision", "")).startswith("refs/"):
            page = f"https://huggingface.co/{found['repository']}/commits/{quote(revision, safe='')}"
            raise WorkflowError(
                f"models.{job.wildcards.model}.revision: {revision} may change, so nothing was fetched. Replace it by the "
                f"commit of 40 digits that {page} lists first"
            )
