# Input and params functions of the rules that generate, import and judge completions.

# Digest of the code that decides requests and rows, as `generate` records it.
DECIDES = made_by("generate", without=ENGINES)


def generation_folder(wc, shard):
    """Return the folder that a model's job writes."""
    return f"results/{wc.study}/generated/{wc.model}.{wc.strategy}{shard}"


def environment(wc):
    """Return the digest of the conda environment that a job decodes in, None without conda."""
    return sha256_of(Path(f"envs/generate-{decoder(wc)}.yaml")) if CONDA else None


def wanted(wc, benchmark):
    """Return what a study asks of a model's generations on a benchmark."""
    reading = json.loads(reward_block(wc)) if reward(wc) else None
    study, model, strategy = (
        block("studies", wc.study),
        block("models", wc.model),
        block("strategies", wc.strategy),
    )
    return currency.asked(study, model, benchmark, strategy, reading, environment(wc))


def manifests(wc):
    """Return the manifests of the models that a job loads, as their provenance calls them."""
    rewards = {"reward_manifest": Path(reward_files(wc, "json")[0])} if reward(wc) else {}
    return {"manifest": Path(f"data/models/{wc.model}.json")} | rewards


def is_held(wc, benchmark, shard, by=DECIDES):
    """Return whether a generation folder holds a benchmark as its study asks for it, written by this code or, with None, any.

    With `--forcerun generate` or `--forceall` nothing is held.
    """
    if workflow.dag_settings.forceall or "generate" in workflow.dag_settings.forcerun:
        return False
    made = Path(generation_folder(wc, shard), f"{benchmark}.{wc.strategy}.json")
    problems = Path(f"data/benchmarks/{benchmark}.jsonl")
    return currency.is_current(made, wanted(wc, benchmark), problems, manifests(wc), by)


def is_settled(wc, benchmark):
    """Return whether neither the benchmark nor a model of a job may be downloaded anew in this run."""
    sources = [("benchmarks", benchmark), ("models", wc.model)] + [("models", reward(wc))] * bool(reward(wc))
    return all(is_downloaded(kind, name) for kind, name in sources)


def is_downloaded(kind, name):
    """Return whether a benchmark or a model is here as its block says; a download of another block is made anew."""
    origin = f"data/{kind}/{name}.json"
    if not currency.is_made_by(Path(origin), downloaded_by(kind, name)):
        made_anew(origin)
        return False
    return not any(is_older(origin, path) for path in registry.local_files(block(kind, name)))


# The GPUs of this node, which its jobs share; None on a cluster, where `gpu` of its profile limits them.
DEVICES = None
if workflow.is_main_process and workflow.local_exec:
    DEVICES = len(gpu_locks.visible(gpu_locks.load_nvml()[0], os.environ))
    if "gpu" not in workflow.global_resources:
        # With 0, Snakemake would limit nothing.
        workflow.register_resource("gpu", max(DEVICES, 1))


def granted(wc):
    """Return the GPUs that a `generate` job is granted: none where only its code has changed, so that it reads its journal.

    Should that code ask for new requests after all, the job stops with a marker, and is granted its GPUs next time.
    """
    gpus = block("models", wc.model).get("gpus", 0)
    if not gpus or devices_needed.needs_devices("results/journal", wc.model):
        return gpus * replicas(wc)
    found = block("studies", wc.study)["benchmarks"]
    return 0 if all(is_held(wc, name, wc.shard, by=None) for name in found) else gpus * replicas(wc)


def replicas(wc):
    """Return how many engines of its model a `generate` job runs, each on GPUs of its own."""
    return replicas_of_all().get((wc.study, wc.model, wc.strategy, wc.shard), 1)


@cache
def replicas_of_all():
    """Return how many engines each job has that decodes chains in this run: by their times, they fill the node's GPUs.

    Of these no more are used than `--resources gpu=` says.
    """
    limit = min(DEVICES, workflow.global_resources["gpu"].value) if DEVICES else 0
    minutes, gpus = {}, {}
    for key in chains_to_decode() if limit > 1 else ():
        wc = SimpleNamespace(**dict(zip(("study", "model", "strategy", "shard"), key)))
        minutes[key] = asked_for_one(wc)["runtime"]
        gpus[key] = block("models", wc.model).get("gpus", 0)
    return job_resources.replicas(minutes, gpus, limit)


def chains_to_decode():
    """Yield (study, model, strategy, shard) of the jobs of this run that decode chains with vLLM on one node."""
    for study in filter(is_generated, config["run"]):
        asked_of = block("studies", study)
        for model, strategy in product(asked_of["models"], asked_of["strategies"]):
            found = block("models", model)
            if method(strategy) not in strategies.SAMPLED or "thoughts" in found or found.get("nodes", 1) > 1:
                continue
            for shard in registry.shards(found):
                wc = SimpleNamespace(study=study, model=model, strategy=strategy, shard=shard)
                if not all(is_held(wc, benchmark, shard, by=None) for benchmark in asked_of["benchmarks"]):
                    yield study, model, strategy, shard


def refuse_too_few_devices():
    """Stop a run before it starts if a job needs more GPUs than it can be granted."""
    limit = workflow.global_resources["gpu"].value
    for job in workflow.dag.needrun_jobs() if DEVICES is not None else ():
        needed = job.resources.get("model_gpus", 0)
        if 0 < job.resources.get("gpu", 0) < needed:
            fix = (
                f"rerun the command with --resources gpu={needed}"
                if DEVICES >= needed
                else "set `gpus` of the model to fit, or run the study on a node with enough"
            )
            raise WorkflowError(
                f"{job.rule.name} {' '.join(job.wildcards)}: its model needs {needed} GPUs, but this run is limited to "
                f"{limit}, and this node has {DEVICES} (`nvidia-smi` lists them). Nothing was started: {fix}"
            )


def generated(product):
    """Return an input function for the folders that a model's jobs write, of a rule that takes `product` out of them.

    A folder that holds the benchmark as asked for is taken as it is: a job that adds another benchmark to it is no
    reason to run, and hides none. One that does not is made, whatever Snakemake has recorded of it.
    """

    def folders(wc):
        found = []
        for shard in registry.shards(block("models", wc.model)):
            folder = generation_folder(wc, shard)
            if is_kept(wc, wc.benchmark, shard):
                if is_older(product.format(**wc), f"{folder}/{wc.benchmark}.{wc.strategy}.json"):
                    made_anew(product.format(**wc))
                found.append(before_update(ancient(folder)))
            else:
                found.append(folder if is_held(wc, wc.benchmark, shard) else made_anew(folder))
        return found

    return folders


def made_anew(path):
    """Return the path, and have the job run that makes it again, whatever Snakemake has recorded of it."""
    if workflow.is_main_process and Path(path).exists():
        workflow.dag.forcefiles.add(path)
    return path


def is_older(path, other):
    """Return whether a file was written before another one; False if there is none."""
    return Path(path).exists() and Path(path).stat().st_mtime_ns < Path(other).stat().st_mtime_ns


def is_kept(wc, benchmark, shard):
    """Return whether a model's job leaves a benchmark as it is: held, and made of what no job may change."""
    return is_held(wc, benchmark, shard) and is_settled(wc, benchmark)


def kept(wc):
    """Return the benchmarks of its study that a model's job leaves as they are; none if these are all of them."""
    names = block("studies", wc.study)["benchmarks"]
    found = [name for name in names if is_kept(wc, name, wc.shard)]
    return found if len(found) < len(names) else []


def posed(wc):
    """Return the benchmarks that a model's job answers, with the traces per problem of each."""
    held = kept(wc)
    return {name: traces(wc, name) for name in block("studies", wc.study)["benchmarks"] if name not in held}


def decoder(wc):
    """Return which of envs/generate-*.yaml the job's study decodes in."""
    device = block("studies", wc.study)["engine"].get("device")
    return {"cpu": "cpu", "cuda": "gpu"}.get(device, "endpoint")


def asked(wc, resource):
    """Return the minutes (`runtime`) or main memory (`mem_mb`) that a `generate` job requests."""
    engines = replicas(wc)
    of_one = asked_for_one(wc)[resource]
    return of_one * engines if resource == "mem_mb" else -(-of_one // engines)


def asked_for_one(wc):
    """Return the minutes and main memory of a `generate` job with one engine."""
    plan = Path("results", wc.study, "plan.json")
    return job_resources.asked(plan, wc.model, block("models", wc.model))


def preflighted(wc):
    """Return the preflight of a `generate` job's model on a GPU, made again if it failed; none on a CPU."""
    if decoder(wc) != "gpu":
        return []
    path = f"results/{wc.study}/preflight/{wc.model}.json"
    return ancient(path if has_passed(path) else made_anew(path))


def has_passed(path):
    """Return whether a preflight says that its model passed."""
    try:
        return sealed.read(Path(path))["passed"]
    except (OSError, ValueError, KeyError, UserError):
        return False


def preflights(wc):
    """Return the tables of the preflights of all models of this run, those that failed made again."""
    found = [
        f"results/{study}/preflight/{model}.txt"
        for study in config["run"]
        if is_generated(study)
        for model in block("studies", study)["models"]
    ]
    return [path if has_passed(Path(path).with_suffix(".json")) else made_anew(path) for path in found]


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
    """Return the config.json that a job's model is counted by, which holds the figures of a trace if it asks for one."""
    if config["models"].get(wc.model, {}).get("flops") == "traced":
        return f"results/{wc.study}/traced/{wc.model}.config.json"
    return stored_configuration(wc)


def stored_configuration(wc):
    """Return the config.json of a job's model; an imported study has it without the weights."""
    folder = "data/models/tokenizers" if is_imported(wc.study) else "data/models"
    return f"{folder}/{wc.model}.config.json"
