"""YAML files: a key written twice, and what is no YAML, is named with its place."""

import pytest

from frontiers.core import yaml_files
from frontiers.core.cli import UserError
from support.paths import ROOT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", r"`a` stands in line 1 and again in line 3, where it would replace the first"),
        ("models:\n  m: {x: 1}\n  m: {x: 2}\n", r"`models.m` stands in line 2 and again in line 3"),
        ("l:\n- a: 1\n  a: 2\n", r"`l\[0\].a` stands in line 2 and again in line 3"),
        (
            "a: {b: 1, b: 2}\nc: {d: 1,\n d: 2}\n",
            r"`a.b` stands in line 1 and again in line 1.*`c.d` stands in line 2",
        ),
        ("a: [1\nb: 2\n", r"not YAML: line 2, column 2: "),
        ("a:\n\t- 1\n", r"not YAML: line 2, column 1: found character .*that cannot start any token"),
        ("a: *nobody\n", r"not YAML: line 1, column 4: found undefined alias"),
        (
            "a: !!python/object/apply:os.system [ls]\n",
            r"not YAML: line 1, column 4: could not determine a constructor",
        ),
        ("a: 1\n---\nb: 2\n", r"not YAML: line 2, column 1"),
        (b"a: \xff\n", "cannot be read"),
        ("a: " + "[" * 3_000, "not YAML"),
        ("a: 2025-13-45\n", "not YAML: month must be in 1..12"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path, text, message):
    path = tmp_path / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=rf"config\.yaml: .*{message}"):
        yaml_files.read(path)


def test_anchors_merges_and_empty_files_are_fine(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: [*a, *a]\nd: *a\n1: n\n")
    assert yaml_files.read(path) == {
        "a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 2}, "c": [{"x": 1, "y": 2}] * 2, "d": {"x": 1, "y": 2}, 1: "n"
    }  # fmt: skip
    path.write_text("# nothing\n")
    assert yaml_files.read(path) is None


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml: cannot be read"):
        yaml_files.read(tmp_path / "none.yaml")


def test_no_file_of_the_project_has_a_key_twice():
    """Also those that a script reads by a plain reader, as the recipes of the pocket models."""
    found = [*ROOT.glob("*.yaml")]
    for folder in ("data", "envs", "profiles", "tests"):
        found += (ROOT / folder).rglob("*.yaml")
    assert ROOT / "data/pocket/recipes.yaml" in found
    for path in found:
        yaml_files.read(path)
