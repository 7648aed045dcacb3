"""The FLOP accounting against independent sources; `--write-docs` makes docs/evidence/compute.md from the results."""

from functools import cache

import pytest

from frontiers.data.architecture_facts import FOLDER
from support.pages import comparisons
from support.paths import ROOT
from support.real_modules import CONFIGS, check_full_size, facts, full_size, shared_only

pytestmark = pytest.mark.xdist_group("comparisons")

PAGE = ROOT / "docs/evidence/compute.md"
CHECKPOINTS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def difference(name):
    return comparisons.module_differences(facts(name), comparisons.architecture(name))


@cache
def engine(name, folder):
    return comparisons.engine_flops(name, folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("engine")


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_full_size_module_has_our_weights_and_flops(name):
    if difference(name) is None:
        pytest.skip(comparisons.no_class(facts(name), comparisons.architecture(name)))
    assert difference(name) == (0, 0)


@shared_only
@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.json")))
def test_a_downloaded_configuration_has_its_modules_weights_and_flops(name):
    config = full_size(name)
    ours = comparisons.read_architecture(config, name)
    if ours.name in comparisons.NO_CLASS:
        pytest.skip(comparisons.NO_CLASS[ours.name])
    check_full_size({"architectures": [ours.name]} | config, beyond=comparisons.surplus(ours))


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
    differences = {names[0]: difference(names[0]) for names, *_ in comparisons.distinct()}
    page = comparisons.page(differences, {name: engine(name, folder) for name in comparisons.ENGINE})
    if request.config.getoption("--write-docs"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "make docs"
