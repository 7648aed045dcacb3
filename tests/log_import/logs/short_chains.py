"""The pocket problems as a task of Inspect."""

from inspect_ai import Task, task
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.scorer import pattern
from inspect_ai.solver import generate


@task
def short_chains(problems: str = "short-chains.jsonl"):
    return Task(
        dataset=json_dataset(problems, FieldSpec(input="question", target="answer", id="id")),
        solver=generate(),
        scorer=pattern(r"\\boxed\{(\d+)\}"),
    )
