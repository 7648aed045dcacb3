"""Secrets are hidden wherever scripts print."""

import subprocess
import sys

import pytest

from frontiers.core import secrets
from support.paths import ROOT

KEY = "hf_abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.DEF-123", "Authorization: Bearer [hidden]"),
        ("bearer eyJhbGciOi", "bearer [hidden]"),
        (f"token={KEY}!", "token=[hidden]!"),
        ("sk-proj-0123456789abcdef_x is wrong", "[hidden] is wrong"),
        ("a bearer of news, basic maths, task-12", "a bearer of news, basic maths, task-12"),
        ("no secret here", "no secret here"),
    ],
)
def test_what_looks_like_a_key_is_hidden(text, shown, monkeypatch):
    for name in secrets.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert secrets.redacted(text) == shown


def test_values_of_the_environment_and_known_ones_are_hidden_whatever_their_form(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "plain words 17")
    assert secrets.redacted("x plain words 17 y") == "x [hidden] y"
    assert secrets.known("correct horse") == "correct horse"
    assert secrets.redacted("a correct horse b") == "a [hidden] b"
    assert secrets.known("ab") == "ab" and secrets.known(None) is None
    assert secrets.redacted("abc") == "abc"


@pytest.mark.parametrize(
    "raised", ["cli.UserError(text)", "RuntimeError(text)", "cli.say(text) or SystemExit(1)"]
)
def test_messages_progress_and_tracebacks_hide_them(raised):
    code = f"""
from frontiers.core import cli
def main():
    text = "the server said: Authorization: Bearer {KEY}"
    raise {raised}
cli.run(main)
"""
    called = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "workflow")},
    )
    assert called.returncode == 1
    assert KEY not in called.stdout + called.stderr
    assert "Bearer [hidden]" in called.stderr
