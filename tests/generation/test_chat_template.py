"""A chat template is a program: it may be wrong, loop or allocate, and ends nothing but its own process."""

import os
import time

import pytest

from frontiers.core.cli import UserError
from frontiers.generation.chat_template import Renderer, TemplateFault
from frontiers.generation.prompts import on_day, render_prompts
from support.writer import PROMPT_STYLE, TOKENIZER

MESSAGE = [{"role": "user", "content": "Ana has 7 pens."}]
PLAIN = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
ALLOCATE = (
    "{% set found = namespace(x='x' * 1000) %}"
    "{% for a in range(40) %}{% set found.x = found.x ~ found.x %}{% endfor %}"
)


def rendered(template, seconds=1.0):
    with Renderer(TOKENIZER, {"chat_template": template, "tokenize": False}, seconds) as render:
        return render(MESSAGE)


def test_the_usual_template_gives_what_the_tokenizer_gives_in_one_process():
    options = {"add_generation_prompt": True, "tokenize": True}
    with Renderer(TOKENIZER, options) as render:
        render(MESSAGE)
        child = render._child
        for number in range(50):
            message = [{"role": "user", "content": f"Ana has {number} pens."}]
            expected = TOKENIZER.apply_chat_template(message, **options)
            assert render(message) == list(expected if isinstance(expected, list) else expected["input_ids"])
            assert render._child == child
    with pytest.raises(ChildProcessError):
        os.waitpid(child, os.WNOHANG)


def test_a_thousand_prompts_take_little_longer_than_without_a_process():
    questions = [(str(number), f"Ana has {number} pens.") for number in range(1000)]
    begun = time.monotonic()
    prompts = render_prompts(TOKENIZER, questions, PROMPT_STYLE, {}, "m")
    assert len(prompts) == 1000
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (LOOP, r"takes more than 1 s of processor time"),
        (ALLOCATE, r"takes more than 1 GiB of memory"),
        ("a\n{% for %}", r"fails in line 2: TemplateSyntaxError: "),
        ("a\n\n{{ messages[7]['content'].upper() }}", r"fails in line 3: UndefinedError: "),
        ("{{ raise_exception('no system role') }}", r"fails in line 1: TemplateError: no system role"),
        ("{{ ''.__class__.__mro__ }}", r"fails in line 1: SecurityError: "),
        ("{{ messages | attr('append')('x') }}", r"fails"),
    ],
)
def test_what_is_wrong_with_a_template_is_said_at_once(template, why):
    begun = time.monotonic()
    with pytest.raises(TemplateFault, match=why):
        # On a slow machine filling the memory takes longer than the second that the loop is given.
        rendered(template, 1.0 if template == LOOP else 60.0)
    assert time.monotonic() - begun < 120
    assert rendered(PLAIN) == "Ana has 7 pens."


def test_the_message_names_model_place_and_fix():
    with pytest.raises(UserError) as raised:
        render_prompts(TOKENIZER, [("b/p1", "x")], PROMPT_STYLE, {"chat_template": "{% if %}"}, "my-model")
    message = str(raised.value)
    assert message.startswith(
        "models.my-model.template: the chat template of model `my-model` fails in line 1: "
    )
    assert "on problem `b/p1`" in message and "give another in models.my-model" in message
    assert "\n" not in message


def test_a_process_that_dies_is_a_message():
    with Renderer(TOKENIZER, {"tokenize": False}) as render:
        render(MESSAGE)
        os.kill(render._child, 9)
        with pytest.raises(TemplateFault, match="ended the process that ran it"):
            render(MESSAGE)


def test_the_process_holds_no_file_of_the_job(tmp_path):
    with open(tmp_path / "lock", "w") as held, Renderer(TOKENIZER, {"tokenize": False}) as render:
        render(MESSAGE)
        open_files = [
            os.readlink(f"/proc/{render._child}/fd/{n}") for n in os.listdir(f"/proc/{render._child}/fd")
        ]
        assert held.name not in open_files and len(open_files) == 3


DATED = "Today is {{ strftime_now('%d %B %Y, %H:%M') }}. " + PLAIN


def test_a_template_that_reads_the_clock_needs_a_pinned_day():
    ask = ([("b/p1", "x")], PROMPT_STYLE)
    with pytest.raises(UserError) as raised:
        render_prompts(TOKENIZER, *ask, {"chat_template": DATED}, "my-model")
    assert "Pin the day in the study's block: date: \"" in str(raised.value)
    if_there = "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% endif %}"
    with pytest.raises(UserError, match="today's date"):
        render_prompts(TOKENIZER, *ask, {"chat_template": if_there}, "my-model")


def test_a_pinned_day_is_the_same_at_every_time(monkeypatch):
    template = on_day({"chat_template": DATED}, "2025-11-22")
    with Renderer(TOKENIZER, {"tokenize": False, **template}) as render:
        assert render(MESSAGE) == "Today is 22 November 2025, 00:00. Ana has 7 pens."
    assert on_day({"a": 1}, None) == {"a": 1}
