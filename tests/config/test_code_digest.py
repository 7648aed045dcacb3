"""The digest of a rule's code: what a script imports in any form is found, and only code counts."""

import re

import pytest

from frontiers.config import code_digest
from support.paths import ROOT

RULES = ROOT / "workflow/rules"
ENGINES = ("generation.engines", "generation.journal", "generation.scheduler", "core")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Write a package and scripts from a mapping of names to texts; return a function that does."""
    package, scripts = tmp_path / "frontiers", tmp_path / "scripts"
    monkeypatch.setattr(code_digest, "PACKAGE", package)
    monkeypatch.setattr(code_digest, "SCRIPTS", scripts)
    monkeypatch.setattr(code_digest, "KEPT", tmp_path / "kept" / "code")
    caches = (code_digest.digest, code_digest._read, code_digest._imported, code_digest._is_module)

    def write(files):
        for name, text in files.items():
            folder = scripts if name.startswith("script_") else package
            path = folder / f"{name.removeprefix('script_')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            for parent in [path.parent, *path.parent.parents]:
                if parent.is_relative_to(package) and not (parent / "__init__.py").exists():
                    (parent / "__init__.py").write_text("")
            path.write_text(text)
        for cached in caches:
            cached.cache_clear()

    yield write
    for cached in caches:
        cached.cache_clear()


def modules(script, without=()):
    """Return what a script rests on: modules by their dotted names, scripts with a slash; no packages."""
    found = []
    for path in code_digest.closure([code_digest.SCRIPTS / f"{script}.py"], without):
        if path.name == "__init__.py":
            continue
        if path.is_relative_to(code_digest.PACKAGE):
            found.append(".".join(path.relative_to(code_digest.PACKAGE).with_suffix("").parts))
        else:
            found.append(f"/{path.stem}")
    return sorted(found)


def test_what_a_script_imports_is_found_in_every_form(project):
    project(
        {
            "script_main": "from frontiers import a\nfrom frontiers.p import b as renamed\nimport helper\n",
            "script_helper": "def late():\n    from frontiers.p.c import (\n        thing,\n        other,\n    )\n",
            "a": "import frontiers.d.e as e\nimport os\n",
            "d/e": "from . import f\nfrom ..p import g as h\nfrom .f import x\n",
            "d/f": "import json\nfrom pathlib import Path\n",
            "p/b": "",
            "p/c": "",
            "p/g": "if True:\n    import frontiers.last\n",
            "last": "",
            "unused": "",
        }
    )
    assert modules("main") == ["/helper", "/main", "a", "d.e", "d.f", "last", "p.b", "p.c", "p.g"]
    assert modules("main", ("d", "p.c")) == ["/helper", "/main", "a", "p.b"]
    with pytest.raises(FileNotFoundError):
        code_digest.digest("absent")


def test_plumbing_is_left_out(project):
    project({"script_main": "from frontiers.core import cli, files\n", "core/cli": "", "core/files": ""})
    assert modules("main") == ["/main"]


def test_a_name_of_a_lazy_face_leads_to_its_module_alone(project):
    project(
        {
            "script_one": "from frontiers.p import fit\n",
            "script_all": "from frontiers import p\n",
            "script_inner": "from frontiers.p.fits import fit\n",
            "p/__init__": "from frontiers.core.lazy import lazy\n__getattr__ = lazy(__name__, fit='fits', plot='plots')\n",
            "p/fits": "",
            "p/plots": "",
            "core/lazy": "",
        }
    )
    assert modules("one") == ["/one", "p.fits"]
    assert modules("inner") == ["/inner", "p.fits"]
    assert modules("all") == ["/all", "p.fits", "p.plots"]


def test_code_counts_and_words_do_not(project):
    body = "def f(x):\n    return x + 1\n"
    project({"script_main": "from frontiers import a\n", "a": body})
    first = code_digest.digest("main")
    project(
        {
            "a": '"""Says something."""\n\n# A comment.\ndef f(x):\n    """Add one."""\n    return (x + 1)  # one\n'
        }
    )
    assert code_digest.digest("main") == first
    project({"a": body.replace("1", "2")})
    assert code_digest.digest("main") != first
    project({"a": body, "script_main": "from frontiers import a as b\n"})
    assert code_digest.digest("main") != first, "a script's own code counts"
    project({"script_main": "from frontiers import a\n", "b": body})
    assert code_digest.digest("main") == first, "a module that nothing imports does not"


def test_a_docstring_alone_in_a_body_is_code_like_any_other_empty_body(project):
    project({"script_main": 'class A:\n    """One."""\n'})
    first = code_digest.digest("main")
    project({"script_main": 'class A:\n    """Two."""\n'})
    assert code_digest.digest("main") == first


def test_parsed_files_are_kept_by_their_text_and_a_torn_one_is_parsed_again(project, tmp_path):
    project({"script_main": "from frontiers import a\n", "a": "x = 1\n"})
    first = code_digest.digest("main")
    assert not (tmp_path / "kept").exists(), "nothing is kept where Snakemake has not run"
    (tmp_path / "kept").mkdir()
    project({})
    assert code_digest.digest("main") == first
    kept = sorted((tmp_path / "kept/code").iterdir())
    assert len(kept) == 3, "the script, the package and its module"
    for path in kept:
        path.write_bytes(path.read_bytes()[:7])
    project({})
    assert code_digest.digest("main") == first
    project({"a": "x = 2\n"})
    assert code_digest.digest("main") != first


def rules():
    """Return (rule, script, choice) of every digest that a rule has among its params."""
    for path in sorted(RULES.glob("*.smk")):
        for script, choice in re.findall(r"\b(?:code|made_by)\(\s*\"(\w+)\"(.*?)\)", path.read_text()):
            yield pytest.param(script, choice, id=f"{path.stem}-{script}")


@pytest.mark.parametrize(("script", "choice"), list(rules()))
def test_every_script_of_a_rule_has_a_digest(script, choice):
    assert (ROOT / f"workflow/scripts/{script}.py").exists()
    assert len(code_digest.digest(script)) == 16


def test_every_rule_with_a_script_has_its_digest_among_its_params():
    for path in sorted(RULES.glob("*.smk")):
        for block in re.split(r"^ *(?=rule\b)", path.read_text(), flags=re.MULTILINE):
            called = set(re.findall(r"workflow/scripts/(\w+)\.py", block))
            digested = set(re.findall(r"\bmade_by\(\s*\"(\w+)\"", block))
            digested |= {"generate"} if "made_by=DECIDES" in block else set()
            digested |= (
                set(re.findall(r"workflow/scripts/(download_\w+)\.py", block))
                if "downloaded_by" in block
                else set()
            )
            assert called - digested <= {"status"}, f"{path.name}: {called - digested}"


def test_the_code_that_decides_requests_and_rows_is_in_the_digest_of_generate():
    found = modules("generate", ENGINES)
    for name in ("requests", "prompts", "looping", "shards", "strategies.chain", "strategies.tree"):
        assert f"generation.{name}" in found
    assert {"data.problems", "config.strategies"} <= set(found)
    assert not [name for name in found if name.startswith(("generation.engines", "generation.journal"))]


def test_a_scripts_digest_does_not_rest_on_what_others_use():
    assert not [
        n for n in modules("fit_trend") if n.startswith(("compute", "analysis.saturation", "grading"))
    ]
    assert not [n for n in modules("plot") if n.startswith("compute.families")]
    assert not [n for n in modules("measure_judge") if n.startswith("compute")]
    assert [n for n in modules("count_compute") if n.startswith("compute.families")]
