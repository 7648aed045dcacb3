"""Data sets and checkpoints of the Hub, served by this machine: from it, from a mirror and from its cache."""

import csv
import errno
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import constants, snapshot_download

import download_benchmark
from frontiers.core.cli import UserError
from frontiers.data import hub, manifests
from frontiers.data.problems import read_problems
from support import hub_server
from support.downloads import (
    CONFIG,
    FIELDS,
    ROOT,
    SHARED,
    fails,
    make_checkpoint,
    needs_shared,
    run_benchmark,
    run_model,
    sha256,
    weights,
)
from support.hub_server import COMMIT, Hub, Repository

BLOCK = {
    "repository": "a/b",
    "revision": COMMIT,
    "split": "test",
    "rows": 2,
    "columns": {"question": "q", "answer": "a", "id": None},
    **FIELDS,
}
MODEL = {"repository": "a/b", "revision": COMMIT}
ROWS = b'{"q": "1 + 1?", "a": 2, "more": [1]}\n{"q": "1 + 2?", "a": 3, "more": []}\n'
LEAKED = "hf_never_shown"


@dataclass
class Place:
    """The Hub, and where this machine keeps what comes from it."""

    hub: Hub
    root: Path
    output: Path


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Serve an empty Hub, with a folder and a cache of its own, and without waiting between attempts."""
    there = Hub()
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FRONTIERS_HUB", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with hub_server.serving(there) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield Place(there, tmp_path / "hub", tmp_path / "out")


@pytest.fixture
def sums(place) -> Place:
    place.hub.repositories["datasets/a/b"] = Repository({"test.jsonl": ROWS, "code.py": b"print('code')"})
    return place


@pytest.fixture
def checkpoint(place, tmp_path) -> Place:
    folder = make_checkpoint(tmp_path / "there")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files |= {"pytorch_model.bin": b"pickle", "modeling_tiny.py": b"print('code')"}
    files |= {"original/model.safetensors": b"second copy", "consolidated.safetensors": b"third copy"}
    place.hub.repositories["models/a/b"] = Repository(files)
    return place


def fetch(place: Place, block: dict = BLOCK, name: str = "sums") -> list:
    run_benchmark(block, place.output / f"{name}.jsonl", name)
    return read_problems(place.output / f"{name}.jsonl")


def origin(place: Place, name: str = "sums") -> dict:
    return json.loads((place.output / f"{name}.json").read_text())


def offline(monkeypatch, place: Place) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    place.hub.asked.clear()


def parquet(rows: list[dict]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


# Data sets


def test_a_data_set_is_fetched_at_its_commit_and_checked(sums):
    for block in (BLOCK, {**BLOCK, "revision": "main"}):
        assert [p.answer for p in fetch(sums, block)] == ["2", "3"]
        assert origin(sums) == {
            "repository": "a/b",
            "revision": block["revision"],
            "commit": COMMIT,
            "from": "hub",
            "sha256": hub_server.sha256(b'{"a":2,"q":"1 + 1?"}\n{"a":3,"q":"1 + 2?"}\n'),
            "rows": 2,
            "problems_sha256": sha256(sums.output / "sums.jsonl"),
            "licence": "MIT",
            "source": "a test",
            "made_by": None,
        }
    folder = sums.root / "datasets/a/b" / COMMIT
    assert [path.name for path in folder.glob("[!.]*")] == ["test.jsonl"]
    assert sum("GET /datasets/a/b/resolve" in line for line in sums.hub.asked) == 1


def test_checksum_and_number_of_rows_are_met_or_nothing_is_written(sums, capsys):
    wanted = (f"a/b at {COMMIT}: expected rows of sha256 0000", "config.yaml")
    fails(fetch, sums, {**BLOCK, "sha256": "0" * 64}, wanted=wanted)
    fails(fetch, sums, {**BLOCK, "rows": 3}, wanted=("expected 3 rows, found 2", "`rows`"))
    assert not sums.output.exists()
    fetch(sums)
    told = capsys.readouterr().err
    assert origin(sums)["sha256"] in told and "pin" in told
    fetch(sums, {**BLOCK, "sha256": origin(sums)["sha256"]})
    assert "pin" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"split": "dev"}, ("a/b", "dev", "test", "`split`")),
        ({"subset": "hard"}, ("a/b", "hard", "`subset`")),
        ({"columns": {"question": "Q", "answer": "a"}}, ("row 0: no column `Q`", "config.yaml")),
    ],
)
def test_what_the_data_set_does_not_hold_is_named(sums, change, wanted):
    fails(fetch, sums, {**BLOCK, **change}, wanted=wanted)
    assert not sums.output.exists()


def test_a_data_set_without_data_is_named(place):
    place.hub.repositories["datasets/a/b"] = Repository({"code.py": b"print('code')"})
    fails(fetch, place, wanted=("a/b: `datasets` cannot read",))


# Faults. Each is (address, what happens, how often): the first attempts or all of them.

ALWAYS = 99
REFUSED = {
    "401": (401, (" is not on the Hub, or is private", "`repository`", "HF_TOKEN")),
    "403": (403, ("is refused (403)", "HF_TOKEN")),
    "404": (404, (" is not on the Hub", "`repository`")),
    "429": (429, ("too many requests (429)", "rerun the command", "HF_TOKEN")),
    "500": (500, ("the download failed", "500", "rerun the command", "HF_HUB_OFFLINE")),
}


@pytest.mark.parametrize("address", ["/revision/", "/resolve/"])
@pytest.mark.parametrize("fault", REFUSED)
def test_a_refusal_is_explained_and_the_same_command_goes_on(sums, fault, address):
    status, wanted = REFUSED[fault]
    sums.hub.faults += [(address, status)] * ALWAYS
    fails(fetch, sums, wanted=("a/b", *wanted))
    assert not sums.output.exists()
    sums.hub.faults.clear()
    assert len(fetch(sums)) == 2


@pytest.mark.parametrize("what", [429, 500, 503, "half", "short"])
def test_what_passes_is_tried_again(sums, capsys, what):
    sums.hub.faults += [("GET /datasets/", what), ("/revision/", 503)]
    assert len(fetch(sums)) == 2
    assert "trying again in" in capsys.readouterr().err


def test_waits_grow_unless_the_server_gives_one(sums, capsys):
    for faults, waits in (([503] * 3, ["2", "10", "30"]), ([429], ["0"])):
        sums.hub.faults += [("/revision/", status) for status in faults]
        fetch(sums)
        assert re.findall(r"trying again in (\d+) s", capsys.readouterr().err) == waits


def test_a_download_broken_off_in_the_middle_of_a_file_continues_there(checkpoint):
    content = checkpoint.hub.repositories["models/a/b"].files["model.safetensors"]
    checkpoint.hub.faults += [("model.safetensors", "half"), *[("GET /a/b/resolve", 500)] * ALWAYS]
    fails(run_model, MODEL, checkpoint.output / "m.json", wanted=("a/b: the download failed",))
    assert not checkpoint.output.exists()
    checkpoint.hub.faults.clear()
    checkpoint.hub.sent = 0
    run_model(MODEL, checkpoint.output / "m.json")
    others = sum(map(len, checkpoint.hub.repositories["models/a/b"].files.values())) - len(content)
    assert weights(checkpoint.root / "models/a/b" / COMMIT).read_bytes() == content
    assert checkpoint.hub.sent < others + len(content) + 5000  # the listings, and not twice the weights


def test_a_file_damaged_on_its_way_is_removed_and_fetched_again(place):
    content = parquet([{"q": "1?", "a": "1"}, {"q": "2?", "a": "2"}])
    place.hub.repositories["datasets/a/b"] = Repository({"test.parquet": content, "README.md": b"A card"})
    for name in ("test.parquet", "README.md"):
        place.hub.faults += [(f"GET /datasets/a/b/resolve/{COMMIT}/{name}", "damaged")]
        fails(fetch, place, wanted=(name, "damaged: its checksum is", "the Hub says", "rerun the command"))
        assert not place.output.exists()
        assert len(fetch(place)) == 2
        shutil.rmtree(place.output)
        shutil.rmtree(place.root)


def test_a_gated_data_set_says_how_to_get_access_and_never_shows_the_token(sums, monkeypatch, capsys):
    sums.hub.repositories["datasets/a/b"].gated = True
    wanted = ("a/b is gated", "https://huggingface.co/datasets/a/b", "set HF_TOKEN", "rerun the command")
    shown = fails(fetch, sums, wanted=wanted)
    monkeypatch.setenv("HF_TOKEN", LEAKED)
    shown += fails(
        fetch, sums, wanted=("a/b is gated", "that HF_TOKEN belongs to", "until access is granted")
    )
    sums.hub.faults += [("/api/", 401)]
    shown += fails(fetch, sums, wanted=("a/b is refused (401): HF_TOKEN is not valid",))
    monkeypatch.setenv("HF_TOKEN", "hf_accepted")
    assert len(fetch(sums)) == 2
    shown += "".join(capsys.readouterr())
    shown += "".join(path.read_text() for path in sums.output.iterdir())
    assert LEAKED not in shown and "hf_accepted" not in shown


def test_other_faults_are_explained(sums, monkeypatch):
    fails(fetch, sums, {**BLOCK, "revision": "f" * 40}, wanted=("a/b has no revision ffff", "config.yaml"))
    fails(fetch, sums, {**BLOCK, "repository": "a/c"}, wanted=("a/c is not on the Hub",))
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(hub, "hf_hub_download", lambda *names, **options: (_ for _ in ()).throw(full))
    fails(fetch, sums, wanted=("a/b: no space left under", "Free some space", "continues"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    fails(fetch, sums, wanted=("a/b: the download failed (ConnectError", "HF_HUB_OFFLINE=1", str(sums.root)))


def test_a_disk_too_small_is_said_before_anything_comes(checkpoint, monkeypatch):
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    wanted = ("a/b:", "GiB left to download", "free some space")
    fails(run_model, MODEL, checkpoint.output / "m.json", wanted=wanted)
    assert not any("/resolve/" in line for line in checkpoint.hub.asked)


# Without a network


def test_offline_a_copied_folder_or_the_cache_gives_the_same(sums, monkeypatch, tmp_path):
    fetch(sums)
    expected = (sums.output / "sums.jsonl").read_bytes(), origin(sums)
    snapshot_download("a/b", repo_type="dataset", revision=COMMIT, endpoint=os.environ["HF_ENDPOINT"],
                      cache_dir=constants.HF_HUB_CACHE)  # fmt: skip
    offline(monkeypatch, sums)
    shutil.move(sums.root, tmp_path / "copy")
    for where, root in (("cache", tmp_path / "nowhere"), ("mirror", tmp_path / "copy")):
        monkeypatch.setenv("FRONTIERS_HUB", str(root))
        fetch(sums)
        assert ((sums.output / "sums.jsonl").read_bytes(), origin(sums)) == (
            expected[0],
            expected[1] | {"from": where},
        )
    assert sums.hub.asked == []


def test_offline_what_is_missing_is_named_with_the_command_that_gets_it(place, monkeypatch):
    offline(monkeypatch, place)
    folder = place.root / "datasets/a/b" / COMMIT
    wanted = (
        f"a/b at {COMMIT} is not on this machine",
        f"hf download a/b --repo-type dataset --revision {COMMIT} --include ",
        f" --local-dir {folder}\n",
        "FRONTIERS_HUB",
    )
    fails(fetch, place, wanted=wanted)
    assert place.hub.asked == []


def test_offline_a_damaged_or_foreign_copy_is_found(sums, monkeypatch):
    fetch(sums)
    offline(monkeypatch, sums)
    file = sums.root / "datasets/a/b" / COMMIT / "test.jsonl"
    file.write_bytes(ROWS.replace(b"1 + 2", b"1 + 3"))
    fails(fetch, sums, wanted=(str(file), "damaged", "Download it again"))
    assert file.exists()
    other = "f" * 40
    file.parent.rename(file.parent.with_name(other))
    fails(
        fetch, sums, {**BLOCK, "revision": other}, wanted=(f"files of commit {COMMIT}", f"download {other}")
    )


def test_offline_a_damaged_cache_is_found(checkpoint, monkeypatch):
    cached = Path(snapshot_download("a/b", revision=COMMIT, endpoint=os.environ["HF_ENDPOINT"],
                                    cache_dir=constants.HF_HUB_CACHE))  # fmt: skip
    offline(monkeypatch, checkpoint)
    manifest = run_model(MODEL, checkpoint.output / "m.json")
    assert (manifest["folder"], manifest["from"], manifest["commit"]) == (str(cached), "cache", COMMIT)
    assert (manifest["parameters"], "consolidated.safetensors" in manifest["files"]) == (35, False)
    blob = weights(cached).resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    fails(run_model, MODEL, checkpoint.output / "m.json", wanted=("model.safetensors: damaged",))


def test_the_command_itself_does_without_a_network(sums, monkeypatch, tmp_path):
    """As a user runs it, in a process of its own whose proxy leads nowhere."""
    fetch(sums)
    (sums.root / "datasets/a/b" / COMMIT / "bad.txt").write_text("ignored")
    nowhere = {
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "HF_HUB_OFFLINE": "1",
    }
    script = ROOT / "workflow/scripts/download_benchmark.py"
    output = tmp_path / "by hand.jsonl"
    called = subprocess.run(
        [sys.executable, script, "--name", "sums", "--block", json.dumps(BLOCK), "--output", output],
        env={
            **os.environ,
            **nowhere,
            "PYTHONPATH": str(ROOT / "workflow"),
            "HF_HOME": str(tmp_path / "home"),
        },
        capture_output=True,
        text=True,
    )
    assert called.returncode == 0, called.stderr
    assert output.read_bytes() == (sums.output / "sums.jsonl").read_bytes()


# The benchmarks of the study, by their blocks in config.yaml


def lines(name: str) -> list[dict]:
    return [json.loads(line) for line in (SHARED / name).read_text().splitlines()]


def matharena(name: str) -> dict[str, bytes]:
    rows = [
        {"problem_idx": i, "problem": row["problem"], "answer": row["answer"], "problem_type": ["Algebra"]}
        for i, row in enumerate(lines(name), start=1)
    ]
    return {"README.md": b"---\nlicense: cc\n---\n", "data/train-00000-of-00001.parquet": parquet(rows)}


def gsm8k() -> dict[str, bytes]:
    card = """---
configs:
- config_name: main
  data_files:
  - {split: train, path: main/train-*}
  - {split: test, path: main/test-*}
- config_name: socratic
  data_files:
  - {split: test, path: socratic/test-*}
---
"""
    rows = lines("gsm8k_test.jsonl")
    return {
        "README.md": card.encode(),
        "main/test-00000-of-00001.parquet": parquet(rows),
        "main/train-00000-of-00001.parquet": parquet(rows[:3]),
        "socratic/test-00000-of-00001.parquet": parquet(rows[:5]),
    }


def gpqa() -> dict[str, bytes]:
    """The form of GPQA with made-up problems: its authors ask not to spread the real ones."""
    text = io.StringIO()
    wrong = [f"Incorrect Answer {i}" for i in (1, 2, 3)]
    writer = csv.DictWriter(text, ["Question", "Correct Answer", *wrong, "Record ID", "Explanation"])
    writer.writeheader()
    for i in range(198):
        said = dict(zip(wrong, ["x", "y", f"z,\n{i}"], strict=True))
        writer.writerow({"Question": f"Which {i}?", "Correct Answer": "r ", "Record ID": f"rec{i}", **said})
    card = b"---\nconfigs:\n- config_name: gpqa_diamond\n  data_files: gpqa_diamond.csv\n---\n"
    return {"README.md": card, "gpqa_diamond.csv": text.getvalue().encode(), "gpqa_main.csv": b"other\n1\n"}


def aime_2024() -> dict[str, bytes]:
    rows = [
        {
            "id": 60 + i,
            "problem": f"What is {i}?",
            "solution": "",
            "answer": f"{i:03d}",
            "url": "",
            "year": "2024",
        }
        for i in range(30)
    ]
    return {"data/train-00000-of-00001.parquet": parquet(rows)}


FORMS = {
    "gsm8k": (gsm8k, "gsm8k-0000", "18"),
    "gsm8k-128": (gsm8k, "gsm8k-128-0030", None),
    "math500": (
        lambda: {"README.md": b"# MATH-500", "test.jsonl": (SHARED / "math500_test.jsonl").read_bytes()},
        "test/precalculus/807.json",
        "\\left( 3, \\frac{\\pi}{2} \\right)",
    ),
    "aime-2024": (aime_2024, "60", "000"),
    "aime-2025": (lambda: matharena("aime_2025.matharena.jsonl"), "1", "70"),
    "hmmt-feb-2025": (lambda: matharena("hmmt_feb_2025.matharena.jsonl"), "1", "103"),
    "gpqa-diamond": (gpqa, "rec0", None),
}


@needs_shared
@pytest.mark.parametrize("name", FORMS)
def test_the_benchmarks_of_the_study_come_whole(place, monkeypatch, name):
    form, identifier, answer = FORMS[name]
    block = CONFIG["benchmarks"][name]
    place.hub.repositories[f"datasets/{block['repository']}"] = Repository(
        form(), commit=block["revision"], gated=name == "gpqa-diamond"
    )
    monkeypatch.setenv("HF_TOKEN", "hf_accepted")
    problems = fetch(place, block, name)
    assert len({problem.id for problem in problems}) == len(problems) == block["rows"]
    assert problems[0].id == identifier and answer in (None, problems[0].answer)
    before = (place.output / f"{name}.jsonl").read_bytes()
    offline(monkeypatch, place)
    monkeypatch.setattr(download_benchmark, "check_gold", lambda *arguments: None)  # has been, takes seconds
    fetch(place, block, name)
    assert (place.output / f"{name}.jsonl").read_bytes() == before and place.hub.asked == []


def test_every_benchmark_of_the_hub_is_pinned_and_has_its_form_tested():
    ours = {name: block for name, block in CONFIG["benchmarks"].items() if "repository" in block}
    assert set(ours) == set(FORMS)
    assert all(len(block["revision"]) == 40 and block["rows"] > 0 for block in ours.values())


def test_options_are_shuffled_by_problem(place):
    block = {**CONFIG["benchmarks"]["gpqa-diamond"], "revision": COMMIT}
    place.hub.repositories[f"datasets/{block['repository']}"] = Repository(gpqa())
    problems = fetch(place, block, "gpqa-diamond")
    for problem in problems[:50]:
        marked = [line for line in problem.question.splitlines() if line.endswith(") r")]
        assert marked == [f"{problem.answer}) r"]
    assert len({problem.answer for problem in problems}) == 4


# Checkpoints


def test_a_checkpoint_is_fetched_without_code_and_pickles(checkpoint):
    manifest = run_model({**MODEL, "revision": "main"}, checkpoint.output / "m.json")
    folder = checkpoint.root / "models/a/b" / COMMIT
    assert (manifest["folder"], manifest["commit"], manifest["from"]) == (str(folder), COMMIT, "hub")
    here = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert sorted(path.name for path in folder.glob("[!.]*")) == here
    assert manifest["files"] == {name: sha256(folder / name) for name in here}


def test_trusted_code_is_fetched_and_part_of_what_the_model_is_made_of(checkpoint):
    manifest = run_model({**MODEL, "trust_remote_code": True}, checkpoint.output / "m.json")
    assert manifest["files"]["modeling_tiny.py"] == hub_server.sha256(b"print('code')")


def test_code_that_a_checkpoint_names_is_said_not_to_run(checkpoint, capsys):
    files = checkpoint.hub.repositories["models/a/b"].files
    files["config.json"] = b'{"model_type": "tiny", "auto_map": {"AutoModel": "modeling_tiny.Tiny"}}'
    run_model(MODEL, checkpoint.output / "m.json")
    assert (
        "its own code was not fetched and does not run; the engine must support tiny"
        in capsys.readouterr().err
    )
    assert not list(checkpoint.root.rglob("*.py"))


def test_pickles_are_refused_before_anything_comes(checkpoint):
    files = checkpoint.hub.repositories["models/a/b"].files
    for name in [name for name in files if name.endswith(".safetensors")]:
        del files[name]
    wanted = ("a/b: its weights are pickles only (pytorch_model.bin)",)
    fails(run_model, MODEL, checkpoint.output / "m.json", wanted=wanted)
    assert not any("/resolve/" in line for line in checkpoint.hub.asked)


def test_weights_damaged_on_their_way_never_reach_a_manifest(checkpoint):
    checkpoint.hub.faults += [(f"GET /a/b/resolve/{COMMIT}/model.safetensors", "damaged")]
    fails(run_model, MODEL, checkpoint.output / "m.json", wanted=("model.safetensors: damaged", "removed"))
    assert not checkpoint.output.exists()
    run_model(MODEL, checkpoint.output / "m.json")


def test_a_gated_checkpoint_says_how_to_get_access(checkpoint):
    checkpoint.hub.repositories["models/a/b"].gated = True
    wanted = ("a/b is gated", "at https://huggingface.co/a/b with the account")
    fails(run_model, MODEL, checkpoint.output / "m.json", wanted=wanted)


def test_a_model_that_an_endpoint_serves_comes_without_its_weights(checkpoint):
    manifest = run_model({**MODEL, "fetch_weights": False}, checkpoint.output / "m.json")
    assert set(manifest["files"]) == {"config.json", "tokenizer.json", "tokenizer_config.json"}
    assert manifest["parameters"] is None and not list(checkpoint.root.rglob("*.safetensors"))


def test_offline_a_mirrored_checkpoint_is_used_in_place(checkpoint, monkeypatch):
    expected = run_model(MODEL, checkpoint.output / "m.json")
    offline(monkeypatch, checkpoint)
    assert run_model(MODEL, checkpoint.output / "m.json") == expected | {"from": "mirror"}
    assert checkpoint.hub.asked == []


def test_two_jobs_that_fetch_the_same_checkpoint_wait_for_each_other(checkpoint, tmp_path):
    """Models that differ in their decoding alone share a repository, and their downloads run side by side."""
    script = ROOT / "workflow/scripts/download_model.py"
    jobs = [
        subprocess.Popen(
            [sys.executable, script, "--name", name, "--block", json.dumps(MODEL), "--output", tmp_path / f"{name}.json"],
            env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")},
        )
        for name in ("one", "two")
    ]  # fmt: skip
    assert [job.wait() for job in jobs] == [0, 0]
    one, two = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("one", "two"))
    assert one | {"model": "two"} == two
    assert (
        sum("GET /a/b/resolve" in line and "model.safetensors" in line for line in checkpoint.hub.asked) == 1
    )


def test_the_message_of_a_user_error_reaches_the_user(place, monkeypatch):
    with pytest.raises(UserError) as error:
        fetch(place)
    assert str(error.value).startswith("a/b is not on the Hub")


def test_no_text_of_a_problem_goes_from_the_tables_of_generations_into_a_report():
    """The authors of GPQA ask that its problems stay off the web."""
    for path in (ROOT / "workflow/schemas").glob("*.schema.json"):
        columns = set(json.loads(path.read_text())["properties"])
        assert path.name.startswith("generations.") or not columns & {"question", "reasoning", "answer"}
    rules = re.split(r"\n(?=rule )", (ROOT / "workflow/rules/report.smk").read_text())
    reading = [rule.split(":")[0] for rule in rules if "generations" in rule or "data/benchmarks" in rule]
    assert reading == ["rule show_answers"]
    assert not any("answers.html" in rule for rule in rules if rule.startswith("rule report:"))
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert all(block.get("hide_texts") for name, block in config["benchmarks"].items() if "gpqa" in name)


def test_a_configuration_of_another_size_is_refused(checkpoint):
    """The weights are those of a shipped model, and so is its configuration, until it is edited on the Hub."""
    files = checkpoint.hub.repositories["models/a/b"].files
    for path in (ROOT / "data/pocket/models/small").iterdir():
        files[path.name] = path.read_bytes()
    run_model(MODEL, checkpoint.output / "m.json")
    checked = json.loads((checkpoint.output / "m.checked.json").read_text())
    assert checked["parameters"] == {"counted": 40192, "stored": 40192, "why": None}
    files["config.json"] = json.dumps(json.loads(files["config.json"]) | {"intermediate_size": 960}).encode()
    shutil.rmtree(checkpoint.root)
    wanted = ("config.json: describes a model of", "the weights beside it have 40,192")
    fails(run_model, MODEL, checkpoint.output / "m.json", wanted=wanted)


@pytest.mark.parametrize("where", ["folder", "cache"])
def test_a_file_edited_after_the_download_is_refused_before_decoding(checkpoint, monkeypatch, where):
    if where == "cache":
        snapshot_download(
            "a/b", revision=COMMIT, endpoint=os.environ["HF_ENDPOINT"], cache_dir=constants.HF_HUB_CACHE
        )
        offline(monkeypatch, checkpoint)
    manifest = run_model(MODEL, checkpoint.output / "m.json")
    assert manifest["from"] == ("cache" if where == "cache" else "hub")
    manifests.verified(checkpoint.output / "m.json")
    path = Path(manifest["folder"]) / "model.safetensors"
    before = path.stat()
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(UserError, match=r"model\.safetensors: changed"):
        manifests.verified(checkpoint.output / "m.json")
