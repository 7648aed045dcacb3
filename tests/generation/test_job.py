"""The job of generate: the code it rests on, and what it does when nothing, or something, is left to decode."""

import json
import os
import shutil
import subprocess
import sys

import pytest

import generate
import score_samples
from frontiers.config import code_digest
from frontiers.core.cli import UserError
from frontiers.core.paths import PACKAGE, SCRIPTS
from frontiers.generation import devices_needed, job
from frontiers.generation.engines.lease import lease_engine
from support.jobs import THINKING, Job
from support.manifests import write_manifest
from support.paths import ROOT
from support.scripted_trees import REWARD, World
from support.thought_checkpoints import save_checkpoint
from support.writer import Writer

LEFT_OUT = ("generation.engines", "generation.journal", "generation.scheduler", "core")
DECIDING = [
    "config/strategies", "data/problems", "generation/job", "generation/looping", "generation/prompts",
    "generation/requests", "generation/reward_layout", "generation/shards", "generation/strategies/chain",
    "generation/strategies/tree", "generation/strategies/tree_shape", "generation/strategies/tree_tables",
]  # fmt: skip
FINISHED = """
import json, sys
import generate, torch
for argv in json.load(sys.stdin):
    generate.main(argv)
print("vllm" in sys.modules, torch.cuda.is_initialized())
"""
TREE = {
    "method": "rebase",
    "reward": "r",
    "width": 3,
    "temperature": 0.2,
    "step": ".",
    "depth": 4,
    "step_tokens": 12,
}


def test_the_code_digest_rests_on_what_decides_requests_and_rows_and_not_on_what_decodes():
    found = code_digest.closure([SCRIPTS / "generate.py"], LEFT_OUT)
    modules = {str(path.relative_to(PACKAGE).with_suffix("")) for path in found if PACKAGE in path.parents}
    assert set(DECIDING) <= modules
    assert not [name for name in modules if name.startswith(("generation/engines", "core"))]
    assert not modules & {"generation/journal", "generation/scheduler"}


class Unused:
    """An engine that may not be given a request."""

    capacity, devices = 4, 0

    def submit(self, request):
        raise AssertionError("a request was submitted")

    def describe(self):
        return {}


@pytest.fixture
def decoded_by(monkeypatch):
    """Have jobs decode by a fake engine, under the fingerprint and the lease of their real one."""

    def use(engine):
        def lease(*arguments):
            leased, mark = lease_engine(*arguments)
            engine.describe = leased.engine.describe
            leased.engine, leased.count = engine, 0
            return leased, mark

        monkeypatch.setattr(job, "lease_engine", lease)
        return engine

    return use


def on_a_gpu(folder, model="small"):
    """Return a job of a model that needs a GPU."""
    folder.mkdir(exist_ok=True)
    wanted = Job(folder, problems=3, model=model)
    wanted.engine = wanted.engine | {"device": "cuda"}
    wanted.more = ["--gpus", "1", "--code", "c0de"]
    return wanted


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_job_that_was_granted_no_gpu_writes_its_tables_or_stops_before_the_engine(
    tmp_path, decoded_by, capsys
):
    wanted = on_a_gpu(tmp_path)
    decoded_by(Writer())
    generate.main(wanted.arguments)
    table = wanted.table()
    decoded_by(Unused())
    granted_none = [*wanted.arguments, "--granted", "0"]
    generate.main(granted_none)
    assert wanted.table().equals(table)
    assert wanted.provenance()["code"] == "c0de"
    assert not devices_needed.needs_devices(tmp_path / "journal", "small")

    wanted.samples = 2
    before = contents(tmp_path)
    with pytest.raises(SystemExit) as end:
        generate.main([*wanted.arguments, "--granted", "0"])
    assert end.value.code == generate.NEEDS_DEVICES == 3
    said = capsys.readouterr().err
    assert "small: at least 3 requests must be decoded, although its tables were complete" in said
    assert "granted 0 of the 1 GPUs" in said and "Rerun the command: it now asks for the GPUs" in said
    marker = devices_needed.marker(tmp_path / "journal", "small")
    assert marker == tmp_path / "journal/small/needs-devices" and marker.read_text() == "c0de\n"
    assert devices_needed.needs_devices(tmp_path / "journal", "small")
    assert contents(tmp_path) == before | {marker: b"c0de\n"}

    engine = decoded_by(Writer())
    generate.main(wanted.arguments)
    assert len(engine.traces) == 3 and len(wanted.table()) == 2 * len(table)
    assert not marker.exists()


def test_a_job_granted_fewer_gpus_than_its_model_needs_is_refused_with_the_command(tmp_path, decoded_by):
    wanted = on_a_gpu(tmp_path)
    wanted.more = ["--gpus", "2", "--granted", "1"]
    decoded_by(Unused())
    with pytest.raises(
        UserError, match=r"small: it needs 2 GPUs, and this job was granted 1\. .* --resources gpu=2"
    ):
        generate.main(wanted.arguments)
    assert not devices_needed.needs_devices(tmp_path / "journal", "small")
    assert generate.parse([*wanted.arguments, "--granted", "5"]).replicas == 2


def test_on_a_cpu_or_with_all_its_gpus_a_job_may_decode(tmp_path):
    wanted = on_a_gpu(tmp_path)
    for more, device, expected in [
        ([], "cuda", True),
        (["--granted", "1"], "cuda", True),
        (["--granted", "0"], "cuda", False),
        (["--granted", "0"], "cpu", True),
    ]:
        wanted.engine = wanted.engine | {"device": device}
        assert generate.parse([*wanted.arguments, *more]).may_decode is expected


def test_a_finished_job_of_any_engine_imports_no_vllm_and_takes_no_device(tmp_path, decoded_by):
    """A chain, a tree with its reward model, and a thought model, on a machine that has no GPU to give."""
    chain = on_a_gpu(tmp_path / "chain")
    tree = on_a_gpu(tmp_path / "tree")
    tree.caps = [None]
    block = {"name": "reward", "reward": REWARD, "context": 256}
    manifest = write_manifest(ROOT / "data/pocket/models/reward", tree.folder / "reward.json")
    tree.more += [
        "--method",
        json.dumps(TREE),
        "--reward",
        json.dumps(block),
        "--reward-manifest",
        str(manifest),
    ]
    save_checkpoint(tmp_path / "thoughtful")
    thoughts = on_a_gpu(tmp_path / "thoughts", tmp_path / "thoughtful")
    thoughts.identity = {
        "thinking": THINKING, "sampling": {"temperature": 0.8}, "thoughts": {"tokens": 2, "temperature": 1.0}
    }  # fmt: skip
    jobs, tables = [chain, tree, thoughts], []
    for wanted, engine in zip(jobs, (Writer(), World(), Writer()), strict=True):
        decoded_by(engine)
        generate.main(wanted.arguments)
        tables.append(wanted.table())
    paths = os.pathsep.join(str(ROOT / path) for path in ("workflow", "workflow/scripts"))
    again = subprocess.run(
        [sys.executable, "-c", FINISHED],
        input=json.dumps([[*wanted.arguments, "--granted", "0"] for wanted in jobs]),
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[-1] == "False False"
    for wanted, table in zip(jobs, tables, strict=True):
        assert wanted.table().equals(table)
        assert wanted.provenance()["decoded_requests"] == 0
        assert wanted.provenance()["measured"]["reason"] == "nothing was decoded"


def test_a_job_leaves_the_tables_that_it_keeps_and_mixes_no_engines(tmp_path, decoded_by, monkeypatch):
    decoded_by(Writer())
    wanted = Job(tmp_path, benchmarks=("middle-chains", "short-chains"), problems=3)
    middle, short = wanted.problems
    wanted.problems = [middle]
    generate.main(wanted.arguments)
    before = contents(tmp_path / "out")
    wanted.problems, wanted.more = [short], ["--keep", "middle-chains"]
    generate.main(wanted.arguments)
    after = contents(tmp_path / "out")
    assert before.items() <= after.items() and len(after) == 2 * len(before)

    long = tmp_path / "long-chains.jsonl"
    long.write_bytes(short.read_bytes())
    wanted.problems, wanted.more = [long], ["--keep", "middle-chains", "short-chains"]
    monkeypatch.setattr("frontiers.generation.engines.lease.vllm_version", lambda: "99.0.1")
    engine = decoded_by(Writer())
    with pytest.raises(UserError) as error:
        generate.main(wanted.arguments)
    said = str(error.value)
    assert "middle-chains.cot.json: decoded by" in said and "would decode long-chains by ['99', '0']" in said
    assert "--forcerun generate" in said
    assert engine.traces == {} or not engine.traces
    assert contents(tmp_path / "out") == after


def test_the_reward_model_of_a_tree_is_in_its_provenance_as_it_is_asked_for(tmp_path):
    wanted = Job(tmp_path, problems=1)
    block = {"name": "r", "reward": {"separator": ".", "memory_share": 0.4}, "context": None}
    (tmp_path / "reward.json").write_text('{"folder": "r", "files": {"a": "1"}, "made_by": "x"}')

    class Reward:
        manifest = json.loads((tmp_path / "reward.json").read_text())

        class layout:
            mark = "m"

    made = job.described_reward(generate.parse([*wanted.arguments, "--reward", json.dumps(block)]), Reward)
    assert made == {
        "reward_model": {"name": "r", "reward": {"separator": "."}, "context": None},
        "reward_manifest": {"folder": "r", "files": {"a": "1"}},
        "reward_mark": "m",
    }


def on_its_own_copy(folder, recipe="medium"):
    """Return a job on a copy of a shipped checkpoint, and the path of the copied weights."""
    folder.mkdir(exist_ok=True)
    copy = shutil.copytree(ROOT / "data/pocket/models" / recipe, folder / recipe)
    return Job(folder, problems=3, model=str(copy)), copy / "model.safetensors"


def replace_weights(weights):
    """Put other weights of the same shape under the name, the size and the time of the old ones."""
    before = weights.stat()
    shutil.copy(ROOT / "data/pocket/models/medium-v2/model.safetensors", weights)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (weights.stat().st_size, weights.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_replaced_weights_decode_nothing(tmp_path, decoded_by):
    wanted, weights = on_its_own_copy(tmp_path)
    replace_weights(weights)
    decoded_by(Unused())
    with pytest.raises(
        UserError, match=r"model\.safetensors: changed: .*manifest\.json says .*rerun snakemake"
    ):
        generate.main(wanted.arguments)
    assert not wanted.journals and not (tmp_path / "out").exists()


def test_weights_replaced_while_a_job_runs_write_nothing(tmp_path, decoded_by):
    wanted, weights = on_its_own_copy(tmp_path)

    class Slow(Writer):
        def receive(self):
            if len(self.asked) == 5:
                replace_weights(weights)
            return super().receive()

    decoded_by(Slow())
    with pytest.raises(
        UserError, match=r"model\.safetensors: changed: .* while the job ran.*delete .*journal/medium/"
    ):
        generate.main(wanted.arguments)
    assert not (tmp_path / "out").exists()


def test_weights_replaced_while_the_engine_loads_them_journal_nothing(tmp_path, decoded_by):
    wanted, weights = on_its_own_copy(tmp_path)

    class Loading(Writer):
        def submit(self, request):
            if not self.asked:
                replace_weights(weights)
            super().submit(request)

        def receive(self):
            raise AssertionError("a reply was asked for")

    decoded_by(Loading())
    with pytest.raises(UserError, match=r"model\.safetensors: changed: "):
        generate.main(wanted.arguments)
    assert not (tmp_path / "out").exists()
    assert not any(path.stat().st_size for path in (tmp_path / "journal").rglob("*.jsonl"))


def test_a_finished_job_needs_no_weights_of_a_gpu_model(tmp_path, decoded_by):
    wanted, weights = on_its_own_copy(tmp_path)
    wanted.engine = wanted.engine | {"device": "cuda"}
    wanted.more = ["--gpus", "1"]
    decoded_by(Writer())
    generate.main(wanted.arguments)
    table = wanted.table()
    weights.unlink()
    decoded_by(Unused())
    generate.main([*wanted.arguments, "--granted", "0"])
    assert wanted.table().equals(table)
    with pytest.raises(UserError, match=r"model\.safetensors: missing"):
        generate.main(wanted.arguments)


@pytest.mark.parametrize("script", ["generate", "score_samples"])
def test_a_replaced_reward_model_scores_nothing(tmp_path, decoded_by, script):
    copy = shutil.copytree(ROOT / "data/pocket/models/reward", tmp_path / "reward")
    manifest = write_manifest(copy, tmp_path / "reward.json")
    content = bytearray((copy / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (copy / "model.safetensors").write_bytes(content)
    block = json.dumps({"name": "reward", "reward": REWARD, "context": 256})
    given = ["--reward", block, "--reward-manifest", str(manifest)]
    wanted = Job(tmp_path, problems=3)
    wanted.caps = [None]
    with pytest.raises(UserError, match=r"reward/model\.safetensors: changed"):
        if script == "generate":
            decoded_by(Unused())
            generate.main([*wanted.arguments, "--method", json.dumps(TREE), *given])
        else:
            score_samples.main(
                ["--generations", "none", "--problems", "none", *given, "--step", ".", "--engine",
                 json.dumps(wanted.engine), "--journal", str(tmp_path / "j.jsonl"), "--output", "none"]
            )  # fmt: skip
