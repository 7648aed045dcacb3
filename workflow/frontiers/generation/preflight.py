"""What a model will need, tried in minutes on the device it will use, before hours are spent on it."""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from frontiers.core import cli
from frontiers.core.escapes import one_line
from frontiers.data.problems import read_problems
from frontiers.generation import prompts, scheduler, vendor_sampling
from frontiers.generation.engines.vllm import VllmEngine, prepare_environment
from frontiers.generation.job import Job, engine_of, read_json
from frontiers.generation.journal import Journal
from frontiers.generation.scheduler import BenchmarkRun
from frontiers.generation.strategies import chain

CAPS = (0, 8, None)
TRACE_TOKENS, ANSWER_TOKENS = 64, 16
"""Most tokens of a trace that no cap cuts, and of an answer."""
SHOWN = 60


@dataclass(frozen=True)
class Check:
    """One thing tried: whether it is as it should be, and what was found or why not."""

    name: str
    passed: bool
    detail: str


class Trial:
    """A model's first problem of each benchmark under three caps; each stage tries one thing and returns what it found."""

    STAGES = ("files", "prompt", "markers", "stops", "sampling", "engine", "context", "penalty", "caps")

    def __init__(self, job: Job):
        self.job = job
        self.engine = None
        self.rows: list[chain.Row] = []

    def files(self) -> str:
        """Check the files against their manifest."""
        manifest = self.job.checked_manifest()
        self.folder = Path(manifest["folder"])
        from transformers import AutoTokenizer

        trusted = self.job.identity.get("trust_remote_code", False)
        self.tokenizer = AutoTokenizer.from_pretrained(self.folder, trust_remote_code=trusted)
        self.generation_config = read_json(self.folder / "generation_config.json")
        size = manifest.get("weight_bytes")
        return f"{len(manifest['files'])} files" + (f", {size / 1e9:.3g} GB of weights" if size else "")

    def prompt(self) -> str:
        """Render the first problem of each benchmark."""
        self.thinking = prompts.Thinking.from_block(self.job.identity["thinking"], self.tokenizer)
        self.template = prompts.on_day(self.job.identity.get("template") or {}, self.job.date)
        self.problems = {path.stem: read_problems(path)[0] for path in self.job.problems}
        questions = [(f"{name}/{problem.id}", problem.question) for name, problem in self.problems.items()]
        self.prompts = prompts.render_prompts(
            self.tokenizer, questions, self.thinking, self.template, self.job.model
        )
        self.end = self.tokenizer.decode(self.prompts[0])[-SHOWN:]
        return f"{max(map(len, self.prompts))} tokens, ends in {self.end!r}"

    def markers(self) -> str:
        """Check that a prompt ends inside the thinking, and that the markers survive the tokenizer."""
        if self.thinking.style == "prompt":
            return "none: the whole text is the trace"
        block = self.job.identity["thinking"]
        for key in ("start", "end"):
            ids = self.tokenizer.encode(block[key], add_special_tokens=False)
            if (back := self.tokenizer.decode(ids)) != block[key]:
                raise cli.UserError(f"thinking.{key} {block[key]!r} becomes {back!r} in this tokenizer")
        if not self.end.rstrip().endswith(block["start"].rstrip()):
            raise cli.UserError(f"the prompt ends in {self.end!r}, not in the marker {block['start']!r}")
        return f"{block['start']!r} opens, {block['end']!r} of {len(self.thinking.end)} tokens closes"

    def stops(self) -> str:
        """Check that something ends a sequence."""
        self.stop = prompts.end_of_sequence(self.tokenizer, self.generation_config)
        if not self.stop:
            raise cli.UserError("neither the tokenizer nor generation_config.json names an end of sequence")
        return ", ".join(map(repr, self.tokenizer.convert_ids_to_tokens(list(self.stop))))

    def sampling(self) -> str:
        """Compare the block's sampling with the checkpoint's; another one is no failure."""
        found = vendor_sampling.differing(self.job.identity["sampling"], self.generation_config)
        return f"warning: {'; '.join(found)}" if found else "as the checkpoint says, or it says nothing"

    def engine_starts(self) -> str:
        """Start the engine and decode."""
        begun = time.monotonic()
        self.engine, _ = engine_of(self.job, self.folder, self.tokenizer, None)
        longest = max(map(len, self.prompts))
        context = longest + len(self.thinking.forced_end) + TRACE_TOKENS + ANSWER_TOKENS
        with tempfile.TemporaryDirectory() as folder:
            runs = []
            for name, problem in self.problems.items():
                settings = chain.Settings(
                    caps=CAPS, samples=1, answer_tokens=ANSWER_TOKENS, context=context, seed=self.job.seed,
                    model=self.job.model, benchmark=name, stop=self.stop,
                )  # fmt: skip
                episodes = chain.episodes([problem], self.tokenizer, self.thinking, self.template, settings)
                runs.append(
                    BenchmarkRun(Journal(Path(folder, f"{name}.jsonl")), episodes, len(self.tokenizer))
                )
            scheduler.drive(runs, self.engine, cli.say)
            for run in runs:
                run.journal.close()
        self.rows = [row for run in runs for rows in run.results for row in rows]
        self.described = self.engine.describe()
        return (
            f"{time.monotonic() - begun:.0f} s with {sum(len(row.trace.tokens) for row in self.rows)} tokens"
        )

    def context(self) -> str:
        """Say how many tokens the cache holds; an engine without room for one whole context does not start."""
        asked, held = self.job.engine["max_model_len"], self.described.get("cache_tokens")
        return f"{asked:,} tokens" + (f", the cache holds {held:,}" if held else "")

    def penalty(self) -> str:
        """Check that the engine takes the bias that stands for a frequency penalty."""
        if not self.job.identity["sampling"].get("frequency_penalty"):
            return "none"
        engine = self.engine.engine
        limit = engine.bias_limit if isinstance(engine, VllmEngine) else None
        if limit is not None:
            raise cli.UserError(
                f"this engine takes a bias on {limit:,} tokens; a longer trace has more. Set "
                "VLLM_USE_V2_MODEL_RUNNER=0, or frequency_penalty to 0"
            )
        return "no limit on its bias is known"

    def caps(self) -> str:
        """Check what was decoded under each cap: its length, and an answer where the cap forces one."""
        for row in self.rows:
            where = f"cap {row.cap}"
            if row.cap is not None and row.kept > row.cap:
                raise cli.UserError(f"{where}: the trace has {row.kept} tokens")
            if row.cap is not None and not row.ended and not (row.answer and row.answer.decoded):
                raise cli.UserError(
                    f"{where}: the forced end {self.tokenizer.decode(self.thinking.forced_end)!r} got no answer"
                )
        lengths = [
            f"{'uncapped' if row.cap is None else row.cap}: {row.kept}" for row in self.rows[: len(CAPS)]
        ]
        return f"tokens of the trace by cap: {', '.join(lengths)}"


def examine(job: Job) -> list[Check]:
    """Return the checks of a model in order, up to the first that fails."""
    penalised = bool(job.identity["sampling"].get("frequency_penalty"))
    prepare_environment(job.engine.get("device"), job.journal_dir / "cache", penalised)
    os.environ["HF_HUB_OFFLINE"] = "1"
    trial, found = Trial(replace(job, method={"method": "chain"}, granted=None)), []
    try:
        for name in Trial.STAGES:
            try:
                detail = (trial.engine_starts if name == "engine" else getattr(trial, name))()
            except Exception as error:
                found.append(Check(name, False, one_line(f"{error}" or repr(error))))
                break
            found.append(Check(name, True, one_line(detail)))
    finally:
        if trial.engine:
            trial.engine.close()
    return found


def table(model: str, checks: Sequence[Check]) -> str:
    """Return the checks of a model as lines for a terminal."""
    lines = [f"{model:32} {c.name:9} {'pass' if c.passed else 'FAIL'}  {c.detail}" for c in checks]
    return "\n".join(lines) + "\n"
