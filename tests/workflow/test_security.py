"""What comes from outside, or is written into config.yaml, never runs, never leaves the folder, never shows a secret."""

import contextlib
import copy
import hashlib
import json
import re
import shlex
import subprocess
from collections import defaultdict

import pytest
import yaml
from jsonschema import Draft202012Validator

from frontiers.config import load
from frontiers.core.cli import UserError
from support.workflow_copy import ROOT, Workflow

HOSTILE = "a'b\"c $(touch PWNED) `touch PWNED` ; touch PWNED & {x} \\ *\n--help"
"""Text for a label, a prompt or a marker."""

HOSTILE_PATH = 'data/it\'s "$(touch PWNED)" `touch PWNED`; touch PWNED & *'
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
NAMES = [
    "x; rm -rf ~",
    "x\n",
    "../x",
    "a'b",
    "$(id)",
    "a b",
    "a/b",
    "-x",
    ".x",
    "",
    "A",
    "{study}",
    "a\u0301",
]
PATHS = [
    "/etc/passwd",
    "~/x",
    "../x",
    "data/../../x",
    "data/..",
    "a\nb",
    "a\n",
    "data/{model}.jsonl",
    "a\x7fb",
    "",
]


def refused(config: dict) -> str:
    with pytest.raises(UserError) as error:
        load.check(config, ROOT)
    return str(error.value)


@pytest.fixture
def config() -> dict:
    return json.loads(json.dumps(CONFIG))


@pytest.mark.parametrize("kind", ["models", "benchmarks", "strategies", "studies"])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_plain_word(config, kind, name):
    config[kind][name] = next(iter(config[kind].values()))
    assert f"{kind}: {name!r} is not a valid name" in refused(config)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_stays_in_the_project(config, path):
    config["benchmarks"]["short-chains"]["path"] = path
    config["models"]["pocket-small"]["path"] = path
    config["studies"]["published"]["table"] = path
    said = refused(config)
    for place in ("benchmarks.short-chains.path", "models.pocket-small.path", "studies.published.table"):
        assert f"{place}: {path!r} is not valid here; expected: a path within the project" in said


@pytest.mark.parametrize(
    "path", ["data/a..b/x.jsonl", "data/it's", HOSTILE_PATH, "..data", "data/...", "a/.b"]
)
def test_other_paths_are_paths(path):
    rule = load.schema()["$defs"]["path"]
    assert Draft202012Validator(rule).is_valid(path)


def patterns(rule: object):
    """Yield every regular expression of a schema that ends with the text."""
    if isinstance(rule, dict):
        if isinstance(found := rule.get("pattern"), str) and found.startswith("^"):
            yield found
        rule = list(rule.values())
    if isinstance(rule, list):
        for item in rule:
            yield from patterns(item)


@pytest.mark.parametrize("pattern", sorted(set(patterns(load.schema()))))
def test_no_pattern_lets_a_last_newline_through(pattern):
    good = ["abc", "a_b", "2025-01-31", "main", "0" * 64, "a/b", "https://a/v1", "KEY", "data/x"]
    fitting = [text for text in good if re.search(pattern, text)]
    assert fitting
    assert not [text for text in fitting if re.search(pattern, text + "\n")]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A measured, an imported and a published study full of hostile text; their rules' commands."""
    workflow = Workflow(tmp_path_factory.mktemp("hostile") / "it's $(touch PWNED)")
    workflow.shrink(["pocket-small"], ["short-chains"], [0, None], 3)
    config, folder = workflow.config, workflow.folder
    problems = folder / f"{HOSTILE_PATH}.jsonl"
    (folder / config["benchmarks"]["short-chains"]["path"]).rename(problems)
    (folder / "data/pocket/models/small").rename(folder / HOSTILE_PATH)
    for ending in (".log.jsonl", ".eval"):
        (folder / f"{HOSTILE_PATH}{ending}").write_text("{}\n")
    columns = {"completion": HOSTILE, "id": HOSTILE}
    read = {"format": "table", "file": f"{HOSTILE_PATH}.log.jsonl", "columns": columns}
    table = folder / f"{HOSTILE_PATH}.csv"
    table.write_bytes((folder / "data/published/open_models.csv").read_bytes())
    config["benchmarks"]["short-chains"] |= {
        "label": HOSTILE,
        "path": f"{HOSTILE_PATH}.jsonl",
        "prompt": HOSTILE + "{question}",
        "licence": HOSTILE,
        "source": HOSTILE,
        "sha256": hashlib.sha256(problems.read_bytes()).hexdigest(),
    }
    config["models"]["pocket-small"] |= {
        "label": HOSTILE,
        "path": HOSTILE_PATH,
        "developer": HOSTILE,
        "template": {HOSTILE: HOSTILE},
        "thinking": {"style": "markers", "start": HOSTILE, "end": HOSTILE, "forced_end": HOSTILE},
    }
    config["studies"]["published"] |= {"table": f"{HOSTILE_PATH}.csv", "labels": {"gpqa-diamond": HOSTILE}}
    del config["studies"]["published"]["public_since"]
    config["studies"]["others"] = {
        "kind": "imported",
        "strategy": "cot",
        "logs": {
            "pocket-small": {"short-chains": [read]},
            "pocket-medium": {"short-chains": [{"format": "inspect", "file": f"{HOSTILE_PATH}.eval"}]},
        },
        "judge": "pocket-judge",
        "engine": config["studies"]["pocket"]["engine"],
        "analysis": {"draws": 10, "seed": 1, "device": "kinetics"},
    }
    config["models"]["hostile-reward"] = copy.deepcopy(config["models"]["pocket-reward"])
    config["models"]["hostile-reward"]["reward"] |= {
        "prompt": HOSTILE + "{question} {steps}",
        "separator": HOSTILE,
    }
    config["strategies"]["rebase_hostile"] = {
        **next(each for each in config["strategies"].values() if each["method"] == "rebase"),
        "reward": "hostile-reward",
        "step": HOSTILE,
    }
    config["studies"]["pocket"]["strategies"] = ["cot", "rebase_hostile"]
    config["run"] = ["pocket", "published", "others"]
    (folder / f"{HOSTILE_PATH}.yaml").write_text("{}\n")
    printed = workflow.snakemake(
        "--dry-run", "-p", "--configfile", f"{HOSTILE_PATH}.yaml", "--", "all", "plan"
    ).stdout
    return workflow, commands(printed)


def commands(printed: str) -> dict[str, list[str]]:
    """Return the commands of every rule's jobs out of what a dry run with -p prints."""
    found, rule, lines = defaultdict(list), "", iter(printed.splitlines())
    for line in lines:
        if named := re.match(r"(?:local)?rule (\w+):$", line):
            rule = named[1]
        if line.startswith("Shell command: "):
            command = line.removeprefix("Shell command: ")
            while not whole(command):
                command += "\n" + next(lines)
            found[rule].append(command)
    return found


def whole(command: str) -> bool:
    """Return whether every quote of a command is closed."""
    try:
        return bool(shlex.split(command))
    except ValueError:
        return False


def test_hostile_text_reaches_programs_as_text_and_the_shell_never(hostile, tmp_path):
    workflow, found = hostile
    assert {
        "generate",
        "import_logs",
        "read_inspect",
        "ask_judge",
        "report",
        "plan_study",
        "fit_trend",
    } <= set(found)
    called = tmp_path / "called"
    stand_in = tmp_path / "bin/python"
    stand_in.parent.mkdir()
    # Writes down what it was given, each argument ended by a NUL.
    stand_in.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" >> {called}\n")
    stand_in.chmod(0o755)
    given = defaultdict(list)
    for rule, command in ((name, text) for name, texts in found.items() for text in texts):
        for log in re.findall(r"logs/[^\s)]+", command):
            (workflow.folder / log).parent.mkdir(parents=True, exist_ok=True)
        called.write_text("")
        subprocess.run(
            ["bash", "-c", command],
            cwd=workflow.folder,
            env={"PATH": f"{stand_in.parent}:/usr/bin:/bin"},
            capture_output=True,
            timeout=30,
        )
        given[rule].append(called.read_text().split("\0")[:-1])
    assert not list(workflow.folder.rglob("PWNED"))

    def values(rule: str, option: str, *keys: str | int) -> list:
        """What the rule's jobs were given, or what stands there under `keys` of the JSON."""
        texts = [words[words.index(option) + 1] for words in given[rule] if option in words]
        if not keys:
            return texts
        found = []
        for value in map(json.loads, texts):
            with contextlib.suppress(KeyError):
                for key in keys:
                    value = value[key]
                found.append(value)
        return found

    assert HOSTILE in values("generate", "--identity", "thinking", "start")
    assert HOSTILE in values("generate", "--reward", "reward", "separator")
    assert HOSTILE in values("generate", "--method", "step")
    assert HOSTILE_PATH in values("download_model", "--block", "path")
    assert HOSTILE in values("plot_frontier", "--labels", "models", "pocket-small")
    assert HOSTILE in values("describe_points", "--models", "pocket-small", "developer")
    assert HOSTILE + "{question}" in values("import_logs", "--prompt")
    assert HOSTILE in values("import_logs", "--logs", 0, "columns", "completion")
    assert f"{HOSTILE_PATH}.eval" in values("read_inspect", "--log")
    assert f"{HOSTILE_PATH}.csv" in values("summarise_published", "--table")
    assert str(workflow.folder / f"{HOSTILE_PATH}.yaml") in values("report", "--configfiles")
    assert values("check_results", "--expected", "pocket-small")


def test_nothing_reaches_the_shell_unquoted():
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        commands = re.findall(r"^( *)shell:\n((?:\1 +.*\n)+)", path.read_text(), re.MULTILINE)
        for found in re.findall(r"\{[^{}]+\}", " ".join(command for _, command in commands)):
            assert found.endswith(":q}"), (
                f"{path.name}: {found} reaches the shell unquoted; write {found[:-1]}:q}}"
            )


def tracked() -> list[str]:
    called = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if called.returncode:
        pytest.skip("no git checkout")
    return [name for name in called.stdout.split("\0") if name]


# Forms of secrets, from the issuers' documentation.
SECRETS = {
    "Hugging Face token": rb"\bhf_[A-Za-z0-9]{30,}",
    "OpenAI or Anthropic key": rb"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}",
    "GitHub token": rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})",
    "AWS key": rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "Google key": rb"\bAIza[A-Za-z0-9_-]{35}",
    "Slack token": rb"\bxox[abprs]-[A-Za-z0-9-]{20,}",
    "PyPI token": rb"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}",
    "private key": rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "password in an address": rb"\b[a-z]+://[^/\s:@\"'{}<>]+:(?!secret@)[^/\s@\"'{}<>]{3,}@[a-z0-9.-]+",
}


def test_no_tracked_file_holds_a_secret():
    found = [
        f"{name}: {kind}"
        for name in tracked()
        if (ROOT / name).is_file()
        for kind, form in SECRETS.items()
        if re.search(form, (ROOT / name).read_bytes())
    ]
    assert found == []


def test_the_forms_of_secrets_find_secrets():
    made = {
        "Hugging Face token": "hf_" + "a1B2" * 9,
        "OpenAI or Anthropic key": "sk-" + "ant-" + "a1B2" * 9,
        "GitHub token": "ghp" + "_" + "a1B2" * 9,
        "AWS key": "AKIA" + "A1B2" * 4,
        "Google key": "AIza" + "a1B2c" * 7,
        "Slack token": "xoxb" + "-1234567890-abcdefghij",
        "PyPI token": "pypi-" + "AgEIcHlwaS5vcmc" + "a1B2" * 15,
        "private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
        "password in an address": "https://me:" + "hunter2@example.org",
    }
    assert set(made) == set(SECRETS)
    for kind, text in made.items():
        assert re.search(SECRETS[kind], text.encode()), kind


SOURCES = sorted((ROOT / "workflow").rglob("*.py"))


@pytest.mark.parametrize(
    ("form", "allowed"),
    [
        (r"(?<!\.)\b(?:eval|exec)\(", set()),
        (
            r"\bpickle\b|torch\.load\(|joblib",
            {"hub.py", "checkpoints.py", "download_model.py"},
        ),  # refuse them
        (r"yaml\.(?:load|unsafe_load|full_load)\(", set()),
        (r"shell=True|os\.system\(|os\.popen\(", set()),
    ],
)
def test_no_code_runs_what_it_reads(form, allowed):
    assert {path.name for path in SOURCES if re.search(form, path.read_text())} <= allowed


def test_no_model_of_the_configuration_runs_code_of_its_own():
    assert not [name for name, block in CONFIG["models"].items() if block.get("trust_remote_code")]
    assert load.schema()["$defs"]["model"]["properties"]["trust_remote_code"]["default"] is False
