"""From published figures to points and frontier."""

import numpy as np
import pandas as pd
import pytest
import yaml

import extract_frontier
import summarise_published
from frontiers.analysis import points
from frontiers.analysis.published_points import check_published, published_points
from frontiers.core.cli import UserError
from frontiers.core.tables import read_table
from frontiers.statistics import intervals
from support.paths import ROOT

PUBLISHED = ROOT / "data/published/open_models.csv"


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
    found = published_points(table, ["b"], lambda config, prompt, output: prompt * 1000 + output)
    assert found["flops"].tolist()[:2] == [20_480, 480]
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


def test_the_published_study_runs(tmp_path):
    made = str(tmp_path / "points.parquet")
    summarise_published.main(["--table", str(PUBLISHED), "--points", made])
    table = points.with_measures(read_table(made, "points"))
    assert len(table) >= 100 and table["flops"].gt(0).all()
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
    assert count("tiny", 50, 50) == pytest.approx(2 * active * 100, rel=0.2)
    with pytest.raises(UserError, match="no such architecture"):
        count("other", 50, 50)
