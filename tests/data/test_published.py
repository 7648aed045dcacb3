"""The table of published figures: form, ranges and agreement with the tables it was taken from."""

from datetime import date

import pandas as pd
import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.data import architecture_facts
from support import paths
from support.paths import ROOT

TABLE = ROOT / "data" / "published" / "open_models.csv"
SHARED = paths.SHARED / "data" / "tables"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the tables the figures come from are not here")

COLUMNS = [
    "model",
    "label",
    "developer",
    "release_date",
    "architecture",
    "total_params",
    "active_params",
    "benchmark",
    "mode",
    "accuracy",
    "standard_error",
    "samples_per_problem",
    "problems",
    "prompt_tokens",
    "output_tokens",
    "cap",
    "source",
    "source_url",
    "licence",
    "config",
    "pair",
    "run",
    "lineage",
    "duplicate_of",
]
MAY_BE_EMPTY = {
    *("mode", "standard_error", "samples_per_problem", "prompt_tokens", "cap", "config"),
    *("run", "lineage", "duplicate_of"),
}
DIGIT = 5.1e-4
"""Half a unit of the last digit that the tables in shared/ print of an accuracy."""
PROBLEMS = {
    "gpqa-diamond": 198,
    "math-level-5": 1324,
    "otis-mock-aime-2024-2025": 45,
    "aime-2024": 30,
    "aime-2025": 30,
    "math-500": 500,
    "gsm8k": 1319,
}
MOE = {
    "dbrx-instruct",
    "deepseek-r1",
    "deepseek-v3",
    "gpt-oss-120b-high",
    "mixtral-8x22b-instruct-v0.1",
    "mixtral-8x7b-instruct-v0.1",
    "wizardlm-2-8x22b",
}
EPOCH_SAMPLE = [
    ("llama-2-70b-chat", "Llama-2-70b-chat-hf", "otis-mock-aime-2024-2025", "OTIS Mock AIME 2024-2025"),
    ("yi-34b-chat", "Yi-34B-Chat", "gpqa-diamond", "GPQA Diamond"),
    ("mixtral-8x7b-instruct-v0.1", "Mixtral-8x7B-Instruct-v0.1", "math-level-5", "MATH level 5"),
    ("mixtral-8x22b-instruct-v0.1", "open-mixtral-8x22b", "math-level-5", "MATH level 5"),
    ("dbrx-instruct", "dbrx-instruct", "gpqa-diamond", "GPQA Diamond"),
    ("llama-3.1-8b-instruct", "Llama-3.1-8B-Instruct", "math-level-5", "MATH level 5"),
    ("llama-3.2-90b-vision-instruct", "Llama-3.2-90B-Vision-Instruct", "gpqa-diamond", "GPQA Diamond"),
    ("gemma-2-9b-it", "gemma-2-9b-it", "math-level-5", "MATH level 5"),
    ("mistral-small-24b-instruct-2501", "mistral-small-2501", "gpqa-diamond", "GPQA Diamond"),
    ("mistral-large-instruct-2411", "mistral-large-2411", "math-level-5", "MATH level 5"),
    ("phi-4", "phi-4", "otis-mock-aime-2024-2025", "OTIS Mock AIME 2024-2025"),
    ("deepseek-v3", "DeepSeek-V3", "gpqa-diamond", "GPQA Diamond"),
    ("deepseek-r1", "DeepSeek-R1", "math-level-5", "MATH level 5"),
]
NANO, SUPER = "NVIDIA-Nemotron-Nano-9B-v2", "Llama-3_3-Nemotron-Super-49B-v1_5"
QWEN = "Qwen3-4B-Thinking-2507"
REPORT_SAMPLE = [
    ("nemotron-nano-9b-v2-on", NANO, "reasoning on", "aime-2025", "AIME25"),
    ("llama-3.3-nemotron-super-49b-v1.5-on", SUPER, "reasoning on", "math-500", "MATH-500"),
    ("llama-3.3-nemotron-super-49b-v1.5-off", SUPER, "reasoning off", "aime-2024", "AIME24"),
    ("gpt-oss-120b-high", "gpt-oss-120b", "high, no tools", "aime-2024", "AIME24"),
    ("qwen3-4b-thinking-2507", QWEN, "thinking, reasoning budget 16384", "gsm8k", "GSM8K"),
]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(TABLE)


@pytest.fixture(scope="module")
def epoch() -> pd.DataFrame:
    return pd.read_csv(SHARED / "epoch_accuracy_tokens_joined.csv")


@pytest.fixture(scope="module")
def reports() -> pd.DataFrame:
    return pd.read_csv(SHARED / "published_accuracy_tokens.csv")


def row_of(table: pd.DataFrame, model: str, benchmark: str) -> pd.Series:
    rows = table[(table.model == model) & (table.benchmark == benchmark)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_columns_and_key(table):
    assert list(table.columns) == COLUMNS
    assert not table.duplicated(["model", "benchmark"]).any()
    assert not table[[c for c in COLUMNS if c not in MAY_BE_EMPTY]].isna().any(axis=None)


def test_ranges(table):
    assert table.accuracy.between(0, 1).all()
    assert table.standard_error.dropna().between(0, 0.2, inclusive="neither").all()
    assert (table.output_tokens > 0).all()
    assert (table.prompt_tokens.dropna() > 0).all()
    assert table.active_params.between(1e9, 1e12).all()
    assert (table.active_params <= table.total_params).all()
    assert (table.samples_per_problem.dropna() >= 1).all()
    assert (table.cap.dropna() > 0).all()
    assert set(table["mode"].dropna()) == {"on", "off", "high"}


def test_slugs(table):
    assert table.model.str.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*").all()
    assert dict(zip(table.benchmark, table.problems, strict=True)) == PROBLEMS


def test_dates_are_whole_and_in_range(table):
    days = table.release_date.map(date.fromisoformat)
    assert days.between(date(2023, 1, 1), date(2025, 12, 31)).all()


def test_a_model_has_one_description(table):
    columns = ["label", "developer", "release_date", "architecture", "total_params", "active_params"]
    assert (table.groupby("model")[columns].nunique() == 1).all(axis=None)
    assert (table.groupby("model")["mode"].nunique(dropna=False) == 1).all()
    assert table.groupby("label").model.nunique().eq(1).all()


def test_architectures(table):
    kinds = table.drop_duplicates("model").set_index("model").architecture
    assert set(kinds[kinds == "moe"].index) == MOE
    assert set(kinds[kinds == "hybrid"].index) == {"nemotron-nano-9b-v2-on"}
    assert set(kinds) == {"dense", "moe", "hybrid"}
    moe = table[table.architecture == "moe"]
    assert (moe.active_params < moe.total_params / 2).all()


def test_every_row_has_a_source_and_a_licence(table):
    assert table.source.str.len().gt(10).all()
    assert table.source_url.str.fullmatch(r"https://\S+").all()
    assert set(table.licence) == {"CC-BY-4.0", "Apache-2.0", "MIT"}
    pinned = table[table.source_url.str.contains("github.com")]
    assert pinned.source_url.str.contains(r"/blob/[0-9a-f]{40}/").all()


@needs_shared
@pytest.mark.parametrize(("model", "name", "benchmark", "task"), EPOCH_SAMPLE)
def test_sample_equals_epoch(table, epoch, model, name, benchmark, task):
    row = row_of(table, model, benchmark)
    origin = epoch[(epoch.model == name) & (epoch.task == task)].iloc[0]
    assert origin.open_weights
    assert row.accuracy == pytest.approx(origin.accuracy, abs=DIGIT)
    # Printed to two digits, so that the smallest are 0.
    assert row.standard_error == pytest.approx(origin.stderr, abs=0.0051) or (
        pd.isna(row.standard_error) and origin.stderr == 0
    )
    assert row.samples_per_problem == origin.epochs
    assert row.samples_per_problem * row.problems == origin.samples
    assert (row.prompt_tokens, row.output_tokens) == (origin.mean_input_tokens, origin.mean_output_tokens)
    assert row.total_params == pytest.approx(origin.total_params_b * 1e9)
    assert row.active_params == pytest.approx(origin.active_params_b * 1e9)


@needs_shared
@pytest.mark.parametrize(("model", "name", "mode", "benchmark", "task"), REPORT_SAMPLE)
def test_sample_equals_reports(table, reports, model, name, mode, benchmark, task):
    row = row_of(table, model, benchmark)
    chosen = (reports.model == name) & (reports.benchmark == task) & reports["mode"].str.startswith(mode)
    assert chosen.sum() == 1
    origin = reports[chosen].iloc[0]
    assert row.accuracy == pytest.approx(origin.accuracy_pct / 100)
    assert row.output_tokens == origin.mean_output_tokens
    assert row.samples_per_problem == int(origin.samples_per_problem)
    assert row.release_date == origin.release_date
    assert row.active_params == pytest.approx(origin.active_params_b * 1e9)


@needs_shared
def test_every_figure_is_in_an_original(table, epoch, reports):
    originals = pd.concat(
        [
            epoch[["accuracy", "mean_output_tokens"]],
            reports.assign(accuracy=reports.accuracy_pct / 100)[["accuracy", "mean_output_tokens"]],
        ]
    )
    runs = pd.read_csv(ROOT / "data" / "recorded" / "runs.csv").set_index("run")
    for row in table.itertuples():
        same = originals[originals.mean_output_tokens == row.output_tokens]
        if not (same.accuracy - row.accuracy).abs().le(DIGIT).any():
            run = runs.loc[row.run]  # DeepSeek R1 on GPQA Diamond: the pair of its run
            assert row.accuracy == pytest.approx(run.accuracy, abs=1e-4)
            assert row.output_tokens == pytest.approx(run.output_tokens, abs=0.1)


@needs_shared
def test_nothing_usable_was_forgotten(table, epoch, reports):
    left_out = {"open-mistral-7b", "open-mixtral-8x7b"}
    usable = epoch.open_weights & ~epoch.model.isin(left_out) & epoch.mean_output_tokens.notna()
    counted = reports.mean_output_tokens.notna() & ~reports["mode"].str.contains("Python tool")
    assert len(table) == usable.sum() + counted.sum()


def test_named_architectures_have_the_parameters_of_the_table(table):
    """Developers round, and some leave out the input embedding of the active parameters."""
    for row in table.dropna(subset=["config"]).drop_duplicates("model").itertuples():
        facts = architecture_facts.read_facts(architecture_facts.FOLDER / f"{row.config}.yaml")
        architecture = read_architecture(facts["config"], row.config)
        assert row.total_params == pytest.approx(architecture.parameters(), rel=0.007), row.model
        active = [architecture.parameters(True, embedding) for embedding in (True, False)]
        assert any(row.active_params == pytest.approx(n, rel=0.015) for n in active), row.model
        assert row.architecture == architecture.kind
