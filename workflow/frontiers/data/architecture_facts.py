"""Architectures of published checkpoints without a download, from data/architectures/."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import jsonschema

from frontiers.core import yaml_files
from frontiers.core.cli import UserError
from frontiers.core.paths import CONFIG_SCHEMAS, DATA

FOLDER = DATA / "architectures"
SCHEMA = CONFIG_SCHEMAS / "architecture.schema.json"


def read_facts(path: Path) -> dict:
    """Return the facts of one file; raises `UserError` when it is missing or does not match its schema."""
    if not path.exists():
        raise UserError(f"{path}: no such architecture; add this file, or name another one")
    facts = yaml_files.read(path)
    try:
        jsonschema.validate(facts, json.loads(SCHEMA.read_text(encoding="utf-8")))
    except jsonschema.ValidationError as error:
        raise UserError(f"{path}: {error.json_path}: {error.message}; see {SCHEMA}") from error
    return facts


@cache
def by_repository(folder: Path = FOLDER) -> Mapping[str, Path]:
    """Return the file of every repository that the files of `folder` describe."""
    files: dict[str, Path] = {}
    for path in sorted(folder.glob("*.yaml")):
        facts = read_facts(path)
        for repository in (facts["repository"], *facts.get("also", ())):
            if other := files.get(repository):
                raise UserError(
                    f"{path}: describes {repository}, which {other.name} describes too; remove one"
                )
            files[repository] = path
    return files
