"""A single prompt."""

from frontiers.generation.prompts import Thinking, render_prompts


def render_prompt(tokenizer, question: str, thinking: Thinking, template: dict) -> tuple[int, ...]:
    return render_prompts(tokenizer, [("p", question)], thinking, template, "m")[0]
