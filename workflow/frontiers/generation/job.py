"""A job of `generate`: what each benchmark asks of a model, decoded through the scheduler, then tables and provenance."""

import hashlib
import json
import os
import resource
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from frontiers.config.provenance import decisive, reading
from frontiers.config.strategies import TREES
from frontiers.core import cli, files, sealed, tables
from frontiers.data import manifests
from frontiers.data.problems import read_problems
from frontiers.generation import devices_needed, prompts, scheduler, shards, vendor_sampling
from frontiers.generation.engines.lease import LeasedEngine, lease_engine
from frontiers.generation.engines.reward import RewardModel
from frontiers.generation.engines.vllm import engine_arguments, prepare_environment
from frontiers.generation.prompts import Thinking
from frontiers.generation.requests import fingerprint
from frontiers.generation.scheduler import BenchmarkRun
from frontiers.generation.strategies import chain, tree, tree_tables


class DevicesNeeded(cli.UserError):
    """The job was granted too few GPUs to decode what is missing."""


@dataclass(frozen=True)
class Job:
    """The arguments of `workflow/scripts/generate.py`, whose `--help` describes each."""

    model: str
    identity: Mapping
    manifest: Path
    problems: list[Path]
    samples: Mapping[str, int]
    strategy: str
    method: Mapping
    reward: Mapping | None
    reward_manifest: Path | None
    caps: list[int | None]
    answer_tokens: int
    seed: int
    date: str | None
    engine: Mapping
    gpus: int
    granted: int | None
    shard: str
    code: str | None
    environment: str | None
    keep: list[str]
    journal_dir: Path
    output_dir: Path
    preflight: Path | None

    @property
    def may_decode(self) -> bool:
        """Whether the job was granted all GPUs that its model needs."""
        granted = self.gpus if self.granted is None else self.granted
        return self.engine.get("device") != "cuda" or granted >= self.gpus

    @property
    def replicas(self) -> int:
        """How many engines of the model the granted GPUs hold."""
        return max((self.granted or 0) // self.gpus, 1) if self.gpus else 1

    def checked_manifest(self) -> dict:
        """Return the model's manifest after comparing it, and that of the reward model, with their files.

        A job that may not decode needs no weights. Raises `UserError`.
        """
        if self.reward:
            trusted = self.reward.get("trust_remote_code", False)
            manifests.verified(self.reward_manifest, trusted, self.may_decode)
        return manifests.verified(
            self.manifest, self.identity.get("trust_remote_code", False), self.may_decode
        )


def run(job: Job) -> None:
    """Decode what the journals lack, then write tables and provenance.

    A job without missing requests starts no engine and takes no device. Raises `DevicesNeeded` if requests are
    missing but too few GPUs were granted.
    """
    begun, clock = datetime.now(UTC), time.monotonic()
    manifest = job.checked_manifest()
    folder = Path(manifest["folder"])
    penalised = bool(job.identity["sampling"].get("frequency_penalty"))
    prepare_environment(job.engine.get("device"), job.journal_dir / "cache", penalised)
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        folder, trust_remote_code=job.identity.get("trust_remote_code", False)
    )
    reward = RewardModel(job.reward, job.reward_manifest, job.engine) if job.reward else None
    engine, decoding = engine_of(job, folder, tokenizer, reward)
    mark = fingerprint({"files": manifest["files"], "identity": job.identity, **decoding})
    check_kept(job, mark, decoding["engine"])
    checksums = {path: files.sha256_of(path) for path in job.problems}
    generation_config = read_json(folder / "generation_config.json")
    runs = benchmark_runs(job, tokenizer, generation_config, mark, reward)
    if differs := vendor_sampling.differing(job.identity["sampling"], generation_config):
        cli.say(f"warning: {job.model} is not sampled as its checkpoint says: {'; '.join(differs)}")
    try:
        decode(job, list(runs.values()), engine)
        described = engine.describe()
        shared = {
            "model": job.model,
            "identity": job.identity,
            "manifest": decisive(manifest),
            "chat_template_sha256": hashlib.sha256((tokenizer.chat_template or "").encode()).hexdigest(),
            "caps": job.caps,
            "strategy": job.method,
            **(described_reward(job, reward) if reward else {}),
            "answer_tokens": job.answer_tokens,
            "seed": job.seed,
            **({"date": job.date} if job.date else {}),
            **({"sampling_differs": differs} if differs else {}),
            "engine": job.engine,
            "fingerprint": mark,
            "git_commit": git_commit(),
            "code": job.code,
            **({"environment": job.environment} if job.environment else {}),
            "begun": begun.isoformat(timespec="seconds"),
            "job_seconds": round(time.monotonic() - clock, 3),
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            **described,
            "job_joules": described["measured"]["joules"],
        }
        try:
            job.checked_manifest()
        except cli.UserError as error:
            raise cli.UserError(
                f"{error}. It changed while the job ran, so nothing is written; what the job decoded may be of either: "
                f"delete {job.journal_dir / job.model / mark} too"
            ) from error
        write(job, runs, tokenizer, shared, checksums)
        if job.may_decode:
            devices_needed.clear(job.journal_dir, job.model)
    finally:
        engine.close()
        for benchmark_run in runs.values():
            benchmark_run.journal.close()


def check_kept(job: Job, mark: str, engine: object) -> None:
    """Raise `UserError` unless the tables that the job keeps were decoded under its own fingerprint."""
    for benchmark in job.keep:
        path = job.output_dir / f"{benchmark}.{job.strategy}.json"
        made = read_json(path)
        if made.get("fingerprint") != mark:
            raise cli.UserError(
                f"{path}: decoded by {made.get('engine_version')} under fingerprint {made.get('fingerprint')}; this job "
                f"would decode {', '.join(file.stem for file in job.problems)} by {engine} under {mark}. One model's "
                "benchmarks may not mix two, so nothing was decoded. Install the earlier engine again, or decode all "
                "benchmarks anew: snakemake --cores all --forcerun generate"
            )


def described_reward(job: Job, reward: RewardModel) -> dict:
    """Return the reward model of a tree for the provenance: its block and manifest as asked for, and how it is read."""
    return {
        "reward_model": reading(job.reward),
        "reward_manifest": decisive(reward.manifest),
        "reward_mark": reward.layout.mark,
    }


def engine_of(job: Job, folder: Path, tokenizer, reward: RewardModel | None) -> tuple[LeasedEngine, dict]:
    """Return the engine for the model in `folder`, not yet started, and what of it changes tokens."""

    def arguments() -> dict:
        config = read_json(folder / "config.json")
        trusted = job.identity.get("trust_remote_code", False)
        found = engine_arguments(str(folder), config, job.engine, job.gpus, trusted)
        return reward.leave_room(found) if reward else found

    return lease_engine(
        job.engine,
        job.model,
        arguments,
        {"temperature": 1.0, **job.identity["sampling"]},
        tokenizer,
        job.gpus,
        cli.say,
        (lambda: reward.engine(job.gpus, cli.say)) if reward else None,
        job.identity.get("thoughts"),
        # What was loaded must still be what was checked: a job that is killed later checks it no more.
        job.checked_manifest,
        job.replicas,
    )


def benchmark_runs(
    job: Job, tokenizer, generation_config: Mapping, mark: str, reward: RewardModel | None
) -> dict[Path, BenchmarkRun]:
    """Return, by the file of its problems, the episodes of each benchmark with its journal."""
    thinking = Thinking.from_block(job.identity["thinking"], tokenizer)
    template = prompts.on_day(job.identity.get("template") or {}, job.date)
    runs = {}
    for path in job.problems:
        settings = chain.Settings(
            caps=tuple(job.caps),
            samples=job.samples[path.stem],
            answer_tokens=job.answer_tokens,
            context=job.engine["max_model_len"],
            seed=job.seed,
            model=job.model,
            benchmark=path.stem,
            stop=prompts.end_of_sequence(tokenizer, generation_config),
            # With a penalty each new piece would need a bias on every token written so far.
            piece=None if job.identity["sampling"].get("frequency_penalty") else job.engine["piece_tokens"],
            extensions=job.method.get("times", 0),
            extension=tuple(tokenizer.encode(job.method.get("text", ""), add_special_tokens=False)),
        )
        problems = shards.problems_of(read_problems(path), job.shard)
        if job.method["method"] in TREES:
            shape = tree.Shape.from_block(job.method, tokenizer, thinking)
            episodes = tree.episodes(problems, tokenizer, thinking, template, settings, shape, reward.layout)
        else:
            episodes = chain.episodes(problems, tokenizer, thinking, template, settings)
        folder = job.journal_dir / job.model / mark
        journal = shards.open_journal(folder, f"{path.stem}.{job.strategy}", job.shard)
        torn = f", {journal.dropped} torn lines dropped" if journal.dropped else ""
        cli.say(f"{len(journal.entries):,} requests in {journal.path}{torn}")
        runs[path] = BenchmarkRun(journal, episodes, len(tokenizer))
    return runs


def decode(job: Job, runs: list[BenchmarkRun], engine: LeasedEngine) -> None:
    """Bring every episode to its end; raise `DevicesNeeded` instead of decoding with too few GPUs."""
    if job.may_decode:
        check_preflight(job)
        scheduler.drive(runs, engine, cli.say)
    elif missing := scheduler.replay(runs):
        if job.granted:
            raise cli.UserError(
                f"{job.model}: it needs {job.gpus} GPUs, and this job was granted {job.granted}. Give the run more with "
                f"--resources gpu={job.gpus}, or leave that out: the GPUs of this node are counted"
            )
        path = devices_needed.ask_for_devices(job.journal_dir, job.model, job.code)
        raise DevicesNeeded(
            f"{job.model}: at least {missing:,} requests must be decoded, although its tables were complete: the code "
            f"that decides requests has changed. This job was granted {job.granted} of the {job.gpus} GPUs that the "
            f"model needs, so it stopped before starting an engine. Rerun the command: it now asks for the GPUs, "
            f"because {path} exists"
        )


def check_preflight(job: Job) -> None:
    """Raise `UserError` if the model did not pass its preflight."""
    for check in read_json(job.preflight)["checks"] if job.preflight else ():
        if not check["passed"]:
            raise cli.UserError(
                f"{job.model}: the preflight failed at {check['name']}: {check['detail']}. Once that is corrected, the same "
                "command tries it again"
            )


def write(
    job: Job, runs: Mapping[Path, BenchmarkRun], tokenizer, shared: Mapping, checksums: Mapping[Path, str]
) -> None:
    """Write the tables and the provenance of every benchmark and compact its journal.

    The provenance divides time and energy of the job by each benchmark's time in the engine. `checksums` are those
    of the problems as they were read; raises `UserError` if a file has changed since.
    """
    if changed := [path for path, before in checksums.items() if files.sha256_of(path) != before]:
        raise cli.UserError(
            f"{changed[0]}: changed while its problems were answered, so nothing is written. Rerun the command: what "
            "was decoded is in the journal"
        )
    seconds = sum(run.journal.tally.seconds for run in runs.values())
    for path, run in runs.items():
        found = tables_of(job, run, tokenizer)
        generations = found.pop("generations")
        tally = run.journal.tally
        share = tally.seconds / seconds if seconds else 1 / len(runs)
        joules = shared["job_joules"]
        provenance = {
            **shared,
            "benchmark": path.stem,
            "problems_sha256": checksums[path],
            "samples": job.samples[path.stem],
            "wall_seconds": round(shared["job_seconds"] * share, 3),
            "engine_seconds": round(tally.seconds, 3),
            "decoded_requests": run.requests,
            "journalled_requests": run.known,
            "decoded_tokens": tally.tokens,
            "tokens_per_second": tally.tokens_per_second,
            "energy_joules": None if joules is None else joules * share,
            "finish_reasons": dict(Counter(generations["finish_reason"])),
            "truncated": int(generations["truncated"].sum()),
            "looping": int(generations["looping"].sum()),
        }
        output = job.output_dir / f"{path.stem}.{job.strategy}.parquet"
        tables.write_table(generations, output, "generations", of=[path])
        for name, table in found.items():
            tables.write_table(table, output.with_suffix(f".{name}.parquet"), name, of=[path])
        sealed.write(output.with_suffix(".json"), provenance)
        if run.requests or run.journal.dropped or run.journal.rejected:
            run.journal.compact()
        if run.journal.rejected:
            cli.say(
                f"{run.journal.path}: {run.journal.rejected:,} replies that could not be used dropped and decoded again"
            )
        cli.say(f"{output}: {len(generations):,} generations, {tally.tokens:,} tokens decoded")


def tables_of(job: Job, run: BenchmarkRun, tokenizer) -> dict:
    """Return the tables of a benchmark by name: `generations`, and what else the strategy has."""
    if job.method["method"] in TREES:
        return tree_tables.tables(run.results, tokenizer)
    rows = [row for rows in run.results for row in rows]
    found = {"generations": chain.tabulate(rows, tokenizer)}
    if job.method["method"] == "extend":
        found["passes"] = chain.passes(rows)
    return found


def read_json(path: Path) -> dict:
    """Return the content of a JSON file, empty if there is none."""
    return json.loads(path.read_text()) if path.exists() else {}


def git_commit() -> str | None:
    """Return the commit of the project, or None outside a checkout."""
    called = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    return called.stdout.strip() or None
