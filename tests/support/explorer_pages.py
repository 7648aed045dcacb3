"""Explorers of synthetic studies."""

import build_explorer


def build(paths, folder, *more) -> str:
    """Write the explorer of a study's tables to `folder`; return it as text."""
    out = folder / "explorer.html"
    given = [
        part
        for name in ("points", "frontier", "summary", "trend")
        for part in (f"--{name}", str(paths[name]))
    ]
    pairs = paths["architectures"].with_name("size_pairs.parquet")
    given += ["--architectures", str(paths["architectures"]), "--size-pairs", str(pairs)]
    given += ["--saturation", str(paths["saturation"])] if "saturation" in paths else []
    build_explorer.main([*given, "--title", "A study & more", "--output", str(out), *more])
    return out.read_text()
