# What a run does when jobs have failed: the report of a study that may leave failed models out.


def report_without_failed_models():
    """Run the command again without the models whose jobs have failed, where their studies leave such models out."""
    scheduler, settings = workflow.scheduler, workflow.dag_settings
    if not workflow.is_main_process or scheduler._user_kill or settings.forceall or settings.forcerun:
        return
    jobs = [job for found in scheduler.failed for job in getattr(found, "jobs", [found])]
    run = {
        name: {**block("studies", name), "on_failure": left_out.on_failure(STUDIES[name])}
        for name in config["run"]
    }
    told = [
        (
            job.wildcards.get("study"),
            job.wildcards.get("model"),
            left_out.reason(map(Path, job.log), job.rule.name),
        )
        for job in jobs
    ]
    if (found := left_out.failed(told, run)) is None:
        return
    for study, models in found.items():
        for model, why in models.items():
            print(f"{study}: {model} is left out of the report. {why}", file=sys.stderr, flush=True)
    everything = left_out.joined(json.loads(os.environ.get(left_out.VARIABLE, "{}")), found)
    command = [sys.executable, "-m", "snakemake", "--nolock", *sys.argv[1:]]
    again = subprocess.run(command, env=os.environ | {left_out.VARIABLE: json.dumps(everything)})
    if again.returncode == 0:
        print(
            "The report names the models that are left out; rerun the command to try them again and add them.",
            file=sys.stderr,
        )


def missing_models(wc):
    """Return the option that names as JSON the models left out of a job's study, with the reason; none without."""
    found = block("studies", wc.study).get("left_out", {})
    shown = {config["models"][model]["label"]: why for model, why in sorted(found.items())}
    return option("--left-out", registry.canonical(shown) if shown else None)
