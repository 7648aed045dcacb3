"""From published figures to points and frontier."""

import numpy as np
import pandas as pd
import pytest
import yaml

import extract_frontier
import summarise_published
from frontiers.analysis import points
from frontiers.analysis.published_points import (
    check_published,
    left_out,
    published_points,
)
from frontiers.analysis.published_runs import counted_text
from frontiers.compute.answer_flops import AnswerFlops
from frontiers.core.cli import UserError
from frontiers.core.tables import read_table
from frontiers.statistics import intervals
from support.paths import ROOT, SHARED

PUBLISHED = ROOT / "data/published/open_models.csv"
RECORDED = SHARED / "data/recorded"


def published(**columns):
    row = {
        "model": "m", "label": "M", "developer": "D", "release_date": "2025-01-20", "architecture": "moe",
        "total_params": 100, "active_params": 10, "benchmark": "b", "mode": None, "accuracy": 0.25,
        "standard_error": 0.03, "samples_per_problem": 4, "problems": 100, "prompt_tokens": 20.0,
        "output_tokens": 480.0, "cap": None, "source": "S", "source_url": "U", "licence": "L",
    }  # fmt: skip
    return pd.DataFrame([row | columns])


def test_published_compute_and_interval_by_hand():
    rows = [
        published(),
        published(benchmark="c", prompt_tokens=np.nan, standard_error=np.nan, samples_per_problem=np.nan),
    ]
    table = check_published(pd.concat(rows, ignore_index=True), "table.csv")
    found = published_points(table, ["b", "c"]).set_index("benchmark")
    assert found["flops"].tolist() == [2 * 10 * 500, 2 * 10 * 480, (10_000 + 9_600) / 2]
    assert found["flops_method"].tolist() == ["2*active*tokens", "2*active*output tokens", "mixed"]
    assert found["interval"].tolist() == [intervals.REPORTED, intervals.WILSON, intervals.COMBINED]
    answers = intervals.answers_from_interval(
        found["accuracy"], found["accuracy_low"], found["accuracy_high"]
    )
    assert answers[:2] == pytest.approx([0.25 * 0.75 / 0.03**2, 100])
    assert found["samples"].tolist() == [4, 1, 1] and found["strategy"].eq("reported").all()
    assert found["flops_low"].isna().all() and found["cap"].isna().all()


def test_published_row_with_an_architecture_is_counted_in_closed_form():
    rows = [published(config="x"), published(model="n", config="x", prompt_tokens=np.nan)]
    table = check_published(pd.concat(rows, ignore_index=True), "table.csv")

    def flops(config, prompt, output):
        return AnswerFlops(prompt * 1000 + output, prompt * 900 + output, prompt * 1100 + output)

    found = published_points(table, ["b"], flops)
    assert found["flops"].tolist()[:2] == [20_480, 480]
    assert found["flops_expanded"].tolist()[:2] == [18_480, 480]
    assert found["flops_spread"].tolist()[:2] == [22_480, 480]
    assert found["flops_method"].tolist()[:2] == ["closed form", "closed form, output tokens"]
    assert found["flops_2n"].iloc[0] == 10_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"accuracy": 25.0}, "`accuracy` ranges from .*, outside 0 to 1"),
        ({"accuracy": "high"}, "line 2: `accuracy` = high is not a number"),
        ({"problems": 10.5}, "line 2: `problems` = 10.5 is not a whole number"),
        ({"release_date": "20 Jan 2025"}, "is not a date YYYY-MM-DD"),
        ({"architecture": "dens"}, "`architecture` holds"),
        ({"output_tokens": np.nan}, "`output_tokens` has 1 empty"),
        ({"surprise": 1}, "not in its schema"),
        ({"pair": "guessed"}, "`pair` holds"),
        ({"duplicate_of": "n"}, "line 2: `duplicate_of` = n is not a model of the table"),
    ],
)
def test_a_bad_published_table_is_refused(change, message):
    with pytest.raises(UserError, match=message):
        check_published(published(**change), "table.csv")


def test_a_published_model_has_one_description_and_one_row_per_benchmark():
    with pytest.raises(UserError, match="two rows"):
        check_published(pd.concat([published(), published()]), "table.csv")
    with pytest.raises(UserError, match="differs between the rows of one model"):
        check_published(pd.concat([published(), published(benchmark="c", total_params=7)]), "table.csv")


def test_a_model_with_the_weights_of_another_counts_once_and_what_is_left_out_is_named():
    rows = [
        published(pair="one run"), published(benchmark="c", pair="joined"),
        published(model="n", label="N", duplicate_of="m"),
        published(model="o", label="O", benchmark="d"),
    ]  # fmt: skip
    table = check_published(pd.concat(rows, ignore_index=True), "table.csv")
    found = published_points(table, ["b", "c"], facts={"b": {"chance": 0.25}, "c": {}})
    assert set(found["model"]) == {"m"}
    assert found["pair"].tolist() == ["one run", "joined", "joined"]
    assert found["chance"].tolist() == [0.25, 0.0, 0.125]
    assert left_out(table, ["b", "c"]) == {"N": "has the text weights of M", "O": "has figures on d only"}


def test_how_compute_was_counted_is_said_from_the_points():
    rows = [
        published(config="x", mode="on"),
        published(model="n", prompt_tokens=np.nan, mode="off"),
        published(model="o"),
    ]
    table = check_published(pd.concat(rows, ignore_index=True), "table.csv")
    found = published_points(table, ["b"], lambda config, prompt, output: AnswerFlops(1e3, 1e3, 1e3))
    assert counted_text(found) == (
        "Compute: counted from the architecture for 1 of 3 points; 2 × active parameters × tokens for 2 of 3; "
        "without the prompt for 1, whose source does not give it. 1 of 3 models ran in a reasoning mode, the others are "
        "instruct runs."
    )


def test_every_row_of_the_shipped_table_has_its_run_its_lineage_and_a_counted_form():
    table = check_published(pd.read_csv(PUBLISHED), str(PUBLISHED))
    assert table["lineage"].notna().all() and table["pair"].notna().all()
    assert (table["run"].notna() == (table["pair"] == "one run")).all()
    assert table["run"].dropna().is_unique
    assert set(table.loc[table["duplicate_of"].notna(), "model"]) == {"llama-3.2-90b-vision-instruct"}
    labels = yaml.safe_load((ROOT / "config.yaml").read_text())["studies"]["published"]["labels"]
    assert left_out(table, labels) == {
        "Llama 3.2 90B Vision Instruct": "has the text weights of Llama 3.1 70B Instruct",
        "gpt-oss-120b (high effort)": "has figures on aime-2024, aime-2025 only",
        "Qwen3 4B Thinking 2507": "has figures on aime-2024, aime-2025, gsm8k, math-500 only",
    }


def test_the_page_of_the_table_says_what_length_and_form_change(tmp_path):
    """The figures of data/published/README.md, computed."""
    made = str(tmp_path / "points.parquet")
    labels = yaml.safe_load((ROOT / "config.yaml").read_text())["studies"]["published"]["labels"]
    summarise_published.main(["--table", str(PUBLISHED), "--points", made, "--benchmarks", *labels])
    table = read_table(made, "points").query("benchmark != 'mean'")
    page = (PUBLISHED.parent / "README.md").read_text()
    low = 100 * (1 - table["flops"] / table["flops_spread"])
    form = table["flops"] / table["flops_expanded"]
    of = {name: table["model"] == f"deepseek-{name}" for name in ("r1", "v3")}
    others = low[~of["r1"] & ~of["v3"]]
    ends = {name: (low[rows].min(), low[rows].max()) for name, rows in of.items()}
    assert (
        "Against that, means are {:.0f} to {:.0f} % low for DeepSeek R1, {:.0f} to {:.0f} % for DeepSeek V3, and up to "
        "{:.0f} % (median {:.1f} %) for the others.".format(
            *ends["r1"], *ends["v3"], others.max(), others.median()
        )
    ) in page
    ends = {name: (form[rows].min(), form[rows].max()) for name, rows in of.items()}
    assert (
        "It is {:.2f} to {:.2f} times as much for R1 and {:.2f} to {:.2f} times for V3.".format(
            *ends["r1"], *ends["v3"]
        )
    ) in page
    assert form[~of["r1"] & ~of["v3"]].eq(1).all()
    gpqa = table[table["benchmark"] == "gpqa-diamond"]
    reasoning = gpqa["mode"].notna() & (gpqa["mode"] != "off")
    lineages = table["lineage"].nunique()
    assert f"analyses {table['model'].nunique()} of the 40 models" in page
    assert f"{reasoning.sum()} of those on GPQA Diamond ran in a reasoning mode" in page
    assert f"come from {lineages} pre-trained lineages" in page
    counts = pd.read_csv(PUBLISHED)["pair"].value_counts()
    for text, pair in (("{} rows are pairs of one run", "one run"), ("The other {} are `joined`", "joined")):
        assert text.format(counts[pair]) in page
    assert f"{counts['one table']} rows are printed by their source in one table" in page


@pytest.mark.skipif(not RECORDED.is_dir(), reason="needs ../shared")
def test_pairs_of_one_run_are_those_of_the_logs():
    """Epoch AI's logs: accuracy and tokens of one run; the accuracy of 16 samples is in the hub's table of the run."""
    runs = pd.read_csv(RECORDED / "epoch_runs_open.csv").set_index("run")
    hub = [pd.read_csv(RECORDED / f"epoch_hub_{name}.csv") for name in ("gpqa_diamond", "otis_mock_aime")]
    hub = pd.concat(hub).set_index("id")["mean_score"]
    table = pd.read_csv(PUBLISHED)
    logged = table[table["run"].isin(runs.index)]
    assert len(logged) == 50
    for row in logged.itertuples():
        run = runs.loc[row.run]
        answers = run["dataset_samples"] * run["epochs"]
        assert (row.problems, row.samples_per_problem) == (run["dataset_samples"], run["epochs"])
        assert row.output_tokens == pytest.approx(run["total_output_tokens"] / answers, abs=0.051)
        assert row.prompt_tokens == pytest.approx(run["total_input_tokens"] / answers, abs=0.051)
        accuracy = run["accuracy"] if row.model == "deepseek-r1" else hub[row.run]
        assert row.accuracy == pytest.approx(accuracy, abs=6e-5)


def test_the_published_study_runs(tmp_path):
    made = str(tmp_path / "points.parquet")
    summarise_published.main(["--table", str(PUBLISHED), "--points", made])
    table = points.with_measures(read_table(made, "points"))
    assert len(table) >= 97 and table["flops"].gt(0).all()
    out = ["--output", str(tmp_path / "frontier.parquet"), "--summary", str(tmp_path / "frontier.json")]
    extract_frontier.main(["--points", made, "--seed", "1", "--draws", "50", *out])
    frontier = read_table(tmp_path / "frontier.parquet", "frontier")
    for benchmark, rows in table.groupby("benchmark"):
        beaten = [
            ((rows["flops"] <= r.flops) & (rows["accuracy"] >= r.accuracy)
             & ((rows["flops"] < r.flops) | (rows["accuracy"] > r.accuracy))).any()
            for r in rows.itertuples()
        ]  # fmt: skip
        on = frontier[
            (frontier["benchmark"] == benchmark) & (frontier["cost"] == "flops") & frontier["on_frontier"]
        ]
        assert set(on["model"]) == set(rows["model"][~np.array(beaten)])
    with pytest.raises(UserError, match="no rows for"):
        summarise_published.main(["--table", str(PUBLISHED), "--points", made, "--benchmarks", "nothing"])
    with pytest.raises(UserError, match="cannot be read as CSV"):
        summarise_published.main(["--table", str(tmp_path / "none.csv"), "--points", made])


def test_closed_form_of_a_published_model_is_near_twice_the_active_parameters(tmp_path):
    config = {
        "model_type": "qwen3", "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 32, "intermediate_size": 192, "vocab_size": 100,
        "tie_word_embeddings": True, "max_position_embeddings": 512,
    }  # fmt: skip
    facts = {"repository": "made/tiny", "source": "https://example.org/config.json", "config": config}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(facts))
    count = summarise_published.counter(tmp_path)
    active = summarise_published.read_architecture(config).parameters(active=True)
    assert count("tiny", 50, 50).counted == pytest.approx(2 * active * 100, rel=0.2)
    with pytest.raises(UserError, match="no such architecture"):
        count("other", 50, 50)
