# Input and params functions of the rules that generate, import and judge completions.


def provenance(wc, benchmark, shard):
    """Return where a model's job writes the provenance of its generations."""
    folder = f"results/{wc.study}/generated/{wc.model}.{wc.strategy}{shard}"
    return Path(folder, f"{benchmark}.{wc.strategy}.json")


def is_held(wc, benchmark, shard, by=code("generate", without=ENGINES)):
    """Return whether a generation folder holds a benchmark as its study asks for it, written by this code or, with None, any."""
    study, model = block("studies", wc.study), block("models", wc.model)
    strategy = block("strategies", wc.strategy)
    return registry.is_current(provenance(wc, benchmark, shard), study, model, benchmark, strategy, by)


def granted(wc):
    """Return the GPUs that a `generate` job is granted: none where only its code has changed, so that it reads its journal.

    Should that code ask for new requests after all, the job stops with a marker, and is granted its GPUs next time.
    """
    gpus = block("models", wc.model).get("gpus", 0)
    if not gpus or devices_needed.needs_devices("results/journal", wc.model):
        return gpus
    for name in block("studies", wc.study)["benchmarks"]:
        made = provenance(wc, name, wc.shard)
        files = Path(f"data/benchmarks/{name}.jsonl"), Path(f"data/models/{wc.model}.json")
        if not (is_held(wc, name, wc.shard, by=None) and registry.is_made_of(made, *files)):
            return gpus
    return 0


def generated(wc):
    """Return the folders that a model's jobs write; one that holds the benchmark as asked for is ancient."""
    found = []
    for shard in registry.shards(block("models", wc.model)):
        folder = f"results/{wc.study}/generated/{wc.model}.{wc.strategy}{shard}"
        found.append(ancient(folder) if is_held(wc, wc.benchmark, shard) else folder)
    return found


def posed(wc):
    """Return the benchmarks that a model's job answers, with the traces per problem of each.

    If its folder holds all that the study asks for, benchmarks taken out of the study stay: more answers than
    needed are no reason to rerun.
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
    """Return the minutes (`runtime`) or main memory (`mem_mb`) that a `generate` job requests."""
    plan = Path("results", wc.study, "plan.json")
    return job_resources.asked(plan, wc.model, block("models", wc.model))[resource]


def traces(wc, benchmark):
    """Return the traces per problem of one benchmark that the job's model writes."""
    strategy = block("strategies", wc.strategy)
    return registry.samples(block("studies", wc.study), benchmark, block("models", wc.model), strategy)


def logs(wc):
    """Return the blocks of the logs of a job's model and benchmark."""
    return block("studies", wc.study)["logs"][wc.model][wc.benchmark]


def log_files(wc):
    """Return what import_logs reads of each log: the file itself, or the output of read_inspect."""
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


def configuration(wc):
    """Return the config.json of a job's model; an imported study has it without the weights."""
    folder = "data/models/tokenizers" if is_imported(wc.study) else "data/models"
    return f"{folder}/{wc.model}.config.json"
