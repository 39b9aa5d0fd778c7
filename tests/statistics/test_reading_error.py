"""Two readings through one model: how far apart the risks are, which bands change."""

import numpy as np
import pytest

from service.assessment import Band
from service.model.artifact import load_bundled
from service.model.scoring import plain_risk
from service.policy import Bands
from service.validation.reading_error import risk_differences
from tests.statistics.discrimination_reference import model_columns

MODEL = load_bundled("liu-nomogram")
CUTS = (0.1, 0.3)
RATIO = "cobb_restoration_ratio_percent"
FIRST = model_columns()
SECOND = {**FIRST, RATIO: FIRST[RATIO] + np.linspace(-20, 20, 340)}


def rows(columns):
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, (v.item() for v in values), strict=True))


def test_differences_are_those_of_patients_scored_one_by_one():
    """The service's own scoring, second reader less first."""
    pairs = [
        [plain_risk(MODEL, row) for row in rows(columns)] for columns in (FIRST, SECOND)
    ]
    difference = np.subtract(pairs[1], pairs[0])
    found = risk_differences(MODEL, FIRST, SECOND, cuts=CUTS)
    assert (found.n, found.mean, found.sd) == pytest.approx(
        (340, difference.mean(), np.std(difference, ddof=1))
    )
    assert found.largest == pytest.approx(np.abs(difference).max())
    assert found.quantiles[2] == pytest.approx(np.median(difference))


def test_bands_are_those_of_the_cards():
    """Patients whose band the other reader would have changed, counted one by one."""
    bands = Bands(above_average=CUTS[0], high=CUTS[1], relative_percentile=75)
    changed = sum(
        Band.of(plain_risk(MODEL, one), bands)
        is not Band.of(plain_risk(MODEL, two), bands)
        for one, two in zip(rows(FIRST), rows(SECOND), strict=True)
    )
    found = risk_differences(MODEL, FIRST, SECOND, cuts=CUTS)
    assert found.changed.value == changed / 340
    assert found.bands.sum() - np.trace(found.bands) == changed


def test_a_risk_at_a_cut_is_in_the_band_above():
    """One patient; the cut is the risk of the first reader, below the second's."""
    one = {name: column[:1] for name, column in FIRST.items()}
    cut = plain_risk(MODEL, next(rows(one)))
    higher = {**one, RATIO: one[RATIO] - 1}
    found = risk_differences(MODEL, one, higher, cuts=(cut,))
    assert found.bands.tolist() == [[0, 0], [0, 1]]
    assert np.isnan(found.sd)


def test_readers_who_agree_change_no_band():
    """All patients on the diagonal; the interval's lower end is 0."""
    found = risk_differences(MODEL, FIRST, FIRST, cuts=CUTS)
    assert (found.largest, found.changed.value, found.changed.low) == (0, 0, 0)
    assert np.trace(found.bands) == 340


def test_the_share_has_wilsons_interval():
    """The formula of Wilson (1927)."""
    found = risk_differences(MODEL, FIRST, SECOND, cuts=CUTS).changed
    p, z, n = found.value, 1.959964, 340
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    assert found.high - found.low == pytest.approx(2 * half, rel=1e-5)


@pytest.mark.parametrize("cuts", [(), (0.3, 0.1), (0, 0.5), (0.5, 1.0), (0.2, 0.2)])
def test_cuts_that_make_no_bands_are_refused(cuts):
    """They come from the policy, which has the same rule."""
    with pytest.raises(ValueError, match="cuts: must lie in"):
        risk_differences(MODEL, FIRST, SECOND, cuts=cuts)


def test_readings_of_other_patients_are_refused():
    """A method that differs is no reading error."""
    other = {**FIRST, "method": FIRST["method"][::-1]}
    with pytest.raises(ValueError, match="method: differs between the readers"):
        risk_differences(MODEL, FIRST, other, cuts=CUTS)


@pytest.mark.parametrize("n", [0, 10])
def test_another_number_of_patients_is_refused(n):
    """Or none at all."""
    fewer = {name: column[:n] for name, column in FIRST.items()}
    with pytest.raises(ValueError, match=f"second: {n} patients"):
        risk_differences(MODEL, FIRST if n else fewer, fewer, cuts=CUTS)


def test_a_gap_is_refused():
    """A reading that is missing is not taken from the other reader."""
    gap = np.where(np.arange(340) == 5, np.nan, FIRST[RATIO])
    with pytest.raises(ValueError, match=f"{RATIO}: row 5 is missing"):
        risk_differences(MODEL, FIRST, {**FIRST, RATIO: gap}, cuts=CUTS)
