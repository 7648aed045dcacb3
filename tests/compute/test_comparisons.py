"""The compute accounting against independent truth; with `--write-docs`, docs/evidence/compute.md is made from it."""

from functools import cache

import pytest

from frontiers.compute.architecture_reader import read_architecture
from support.pages import comparisons
from support.paths import ROOT
from support.real_modules import CONFIGS, check_full_size, full_size, shared_only

PAGE = ROOT / "docs/evidence/compute.md"
DISTINCT = comparisons.distinct()


@cache
def difference(place):
    return comparisons.module_differences(*DISTINCT[place][1:])


@cache
def engine(name, folder):
    return comparisons.engine_flops(name, folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("engine")


@pytest.mark.parametrize("place", range(len(DISTINCT)), ids=[names[0] for names, *_ in DISTINCT])
def test_a_full_size_module_has_our_weights_and_flops(place):
    if DISTINCT[place][2].name in comparisons.NO_CLASS:
        pytest.skip(comparisons.NO_CLASS[DISTINCT[place][2].name])
    assert difference(place) == (0, 0)


@shared_only
@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.json")))
def test_a_real_configuration_is_one_of_these_or_has_its_modules_weights_and_flops(name):
    config = full_size(name)
    ours = read_architecture(config, name)
    if all(ours != each for _, _, each in DISTINCT):
        check_full_size({"architectures": [ours.name]} | config)


@pytest.mark.parametrize("figure", comparisons.FIGURES, ids=lambda figure: figure.what)
def test_figures_of_others_are_reproduced_in_their_convention(figure):
    if figure.tolerance:
        assert figure.ours() == pytest.approx(figure.theirs, rel=figure.tolerance)
    else:
        assert figure.ours() == figure.theirs


@pytest.mark.parametrize("name", comparisons.ENGINE)
def test_vllm_counts_the_same_but_for_the_router(name, folder):
    assert comparisons.engine_convention(name) == engine(name, folder)


def test_the_page_of_comparisons_is_current(request, folder):
    differences = {names[0]: difference(place) for place, (names, *_) in enumerate(DISTINCT)}
    page = comparisons.page(differences, {name: engine(name, folder) for name in comparisons.ENGINE})
    if request.config.getoption("--write-docs"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "make docs"
