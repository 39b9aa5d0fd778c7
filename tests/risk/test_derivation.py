"""The derivation against the paper, the project's model note, and scipy."""

import numpy as np
import pytest
from scipy import optimize, stats

from service.model.cohort import Cohort, rebuild
from service.model.derivation import (
    anchor,
    concordance,
    covariance,
    derive,
    fit,
    weighted_quantiles,
)
from service.model.published import COEFFICIENTS
from service.model.sensitivity import (
    band_disagreement,
    centring,
    codings,
    convergence,
    dependences,
)

SLOPES = np.array([1.608, -0.599, -0.045, -0.027])


@pytest.fixture(scope="module")
def four():
    """The four-factor derivation."""
    return derive("liu-nomogram")


@pytest.fixture(scope="module")
def five():
    """The five-term derivation."""
    return derive("liu-table2")


def test_intercepts_of_the_four_factors_follow_the_incidence(four):
    """2.048 at 41/237, 2.077 at 60/340, 2.305 at 70/340."""
    assert four.intercepts == pytest.approx((2.048, 2.077, 2.305), abs=5e-4)


def test_intercept_of_the_five_terms(five):
    """About 1.44 with the postoperative angle."""
    assert five.fit.intercept == pytest.approx(1.44, abs=0.01)


def test_four_factor_intercept_is_that_of_exact_integration():
    """Gauss-Legendre over scipy's densities and Brent's method: the same intercept."""

    def nodes(mean, sd, low, high):
        x, weight = np.polynomial.legendre.leggauss(120)
        x = (x + 1) / 2 * (high - low) + low
        density = stats.truncnorm((low - mean) / sd, (high - mean) / sd, mean, sd)
        return x, weight / 2 * (high - low) * density.pdf(x)

    cement, share = nodes(51.79, 13.37, 0, 100)
    ratio, ratio_share = nodes(43.89, 24.16, -100, 100)
    cells = [
        (1.608 * s - 0.599 * m, p * q)
        for s, p in ((0, 75 / 237), (1, 162 / 237))
        for m, q in ((1, 17 / 236), (2, 37 / 236), (3, 182 / 236))
    ]

    def excess(intercept):
        lp = intercept - 0.045 * cement[:, None] - 0.027 * ratio
        return -41 / 237 + sum(
            w * (share @ (1 / (1 + np.exp(-lp - part))) @ ratio_share)
            for part, w in cells
        )

    exact = optimize.brentq(excess, 0, 5)
    assert derive("liu-nomogram").fit.intercept == pytest.approx(exact, abs=1e-3)


def test_more_nodes_hardly_move_the_intercepts(four, five):
    """The quadrature is fine enough: twice the nodes change a thousandth."""
    assert convergence(four, (500,))[0][1] == pytest.approx(
        four.fit.intercept, abs=5e-4
    )
    assert convergence(five, (20, 60)) == (
        (20, pytest.approx(five.fit.intercept, abs=0.01)),
        (60, pytest.approx(five.fit.intercept, abs=0.004)),
    )


@pytest.mark.parametrize("incidence", [0.01, 41 / 237, 0.5, 0.9])
def test_anchored_cohort_has_the_incidence(incidence):
    """The mean risk over the cohort is what was asked for, near and far."""
    cohort = rebuild(nodes=10)
    intercept = anchor(cohort, SLOPES, incidence)
    risk = 1 / (1 + np.exp(-intercept - cohort.design @ SLOPES))
    assert cohort.weight @ risk == pytest.approx(incidence, abs=1e-12)


def test_shrunk_slopes_keep_the_mean_risk(four):
    """Slopes times 0.8 have an intercept of their own, with the same mean risk."""
    lp = four.shrunk_intercept + 0.8 * (four.cohort.design @ SLOPES)
    assert four.cohort.weight @ (1 / (1 + np.exp(-lp))) == pytest.approx(41 / 237)


def test_area_under_the_curve_is_near_the_published_one(four, five):
    """0.77 to 0.78 and 0.80 to 0.81, both within the paper's 0.728 to 0.862."""
    assert 0.77 <= four.fit.concordance <= 0.78
    assert 0.80 <= five.fit.concordance <= 0.81


def test_lumbar_share_among_cases_is_near_the_published_one(four, five):
    """0.88 of the cases are lumbar; the paper counts 63 of 70."""
    for derivation in (four, five):
        lumbar = derivation.cohort.design[:, 0] == 1
        assert derivation.case_share(lumbar) == pytest.approx(0.88, abs=0.005)


def test_upper_quarter_holds_half_of_the_cases(four):
    """A risk of 25 % or more: about a quarter of patients, half of the cases."""
    high = four.fit.risk >= 0.25
    assert four.cohort.weight[high].sum() == pytest.approx(0.25, abs=0.015)
    assert four.case_share(high) == pytest.approx(0.5, abs=0.06)


def test_standard_errors_at_237_patients(four, five):
    """As the model note has them, close to those behind Table 2's intervals."""
    errors = four.fit.standard_errors[1:]
    assert errors == pytest.approx([0.54, 0.28, 0.0148, 0.0083], rel=0.015)
    assert five.fit.standard_errors[4:] == pytest.approx([0.0100, 0.048], rel=0.025)
    assert five.published_errors == pytest.approx(
        [0.493, 0.272, 0.0142, 0.0108, 0.0523], rel=0.005
    )


def test_table_2_is_consistent_with_itself():
    """Every odds ratio interval brackets exp(beta), nearly at its geometric middle."""
    for row in COEFFICIENTS.values():
        low, high = np.log(row.odds_ratio_interval)
        assert (low + high) / 2 == pytest.approx(row.beta, abs=0.12 * (high - low))


def test_standard_errors_are_those_of_a_numerical_likelihood():
    """Fisher information by differences of the expected log likelihood."""
    cohort = rebuild(nodes=12)
    slopes = SLOPES * [1, 1, 10, 10]
    cohort = Cohort(cohort.names, cohort.design / [1, 1, 10, 10], cohort.weight)
    fitted = fit(cohort, slopes, 41 / 237, 237)
    rows = np.column_stack([np.ones(cohort.weight.size), cohort.design])
    truth = np.array([fitted.intercept, *slopes])
    share = 1 / (1 + np.exp(-rows @ truth))

    def minus_log_likelihood(beta):
        lp = rows @ beta
        return 237 * (cohort.weight @ (np.logaddexp(0, lp) - share * lp))

    def gradient(beta):
        return optimize.approx_fprime(beta, minus_log_likelihood, 1e-5)

    best = optimize.minimize(minus_log_likelihood, truth + 0.1, method="BFGS").x
    step = 1e-4
    information = np.array(
        [
            (gradient(truth + step * unit) - gradient(truth - step * unit)) / (2 * step)
            for unit in np.eye(5)
        ]
    )
    errors = np.sqrt(np.diag(np.linalg.inv((information + information.T) / 2)))
    assert best == pytest.approx(truth, abs=0.02)
    assert fitted.standard_errors == pytest.approx(errors, rel=0.01)


def test_only_the_ordinal_coding_fits_the_published_error(four):
    """0.28 for 1, 2, 3 against 0.42 and 0.65; published 0.272."""
    found = [item.method_error for item in codings(four)]
    assert found == pytest.approx([0.28, 0.42, 0.65], abs=0.006)
    assert np.argmin(np.abs(np.array(found) - 0.272)) == 0


def test_dependence_moves_the_intercept_little(four):
    """Between 1.92 and 2.09, the independent cohort among them."""
    found = {item.assumption: item.intercept for item in dependences(four)}
    assert min(found.values()) == pytest.approx(1.92, abs=0.006)
    assert max(found.values()) == pytest.approx(2.09, abs=0.006)
    assert found["independent"] == pytest.approx(four.fit.intercept, abs=1e-5)


def test_covariance_keeps_published_errors_and_rebuilt_correlations(four, five):
    """The diagonal is published but for the intercept; the correlations are rebuilt."""
    for derivation in (four, five):
        sigma, centred = derivation.covariance, derivation.fit.centred
        assert np.sqrt(np.diag(sigma)[1:]) == pytest.approx(derivation.published_errors)
        assert sigma[0, 0] == pytest.approx(centred[0, 0])
        assert _correlation(sigma) == pytest.approx(_correlation(centred))
        assert np.linalg.eigvalsh(sigma).min() > 0


def test_centring_is_what_makes_the_error_at_the_mean_right(four):
    """0.24 at the mean as shipped; 0.29 had the predictors not been centred."""
    centred, uncentred = centring(four)
    assert centred == pytest.approx(0.24, abs=0.01)
    assert uncentred == pytest.approx(0.29, abs=0.01)


def test_covariance_returns_the_centred_one_when_errors_agree():
    """With its own standard errors a covariance comes back unchanged."""
    matrix = np.array([[4.0, 1.0], [1.0, 9.0]])
    assert covariance(matrix, np.array([3.0])) == pytest.approx(matrix)


def test_concordance_is_the_mann_whitney_statistic():
    """Outcomes drawn at the given risks: scipy counts the same share of pairs."""
    rng = np.random.default_rng(20260101)
    risk = np.round(rng.beta(1, 4, 4000), 2)
    event = rng.random(risk.size) < risk
    statistic = stats.mannwhitneyu(risk[event], risk[~event]).statistic
    observed = statistic / (event.sum() * (~event).sum())
    expected = concordance(risk, np.full(risk.size, 1 / risk.size))
    assert expected == pytest.approx(observed, abs=0.02)


def test_concordance_of_equal_risks_is_one_half():
    """Without any difference in risk a case is as likely above as below."""
    assert concordance(np.full(4, 0.2), np.full(4, 0.25)) == pytest.approx(0.5)


def test_weighted_quantiles_are_those_of_repeated_values():
    """A weight of k / n counts like k equal patients."""
    values = np.array([3.0, 1.0, 2.0])
    weight = np.array([500, 200, 300]) / 1000
    found = weighted_quantiles(values, weight, np.array([0.0, 0.1, 1.0]))
    assert found == pytest.approx([1.0, 1.0, 3.0])
    assert weighted_quantiles(
        np.arange(1001.0), np.full(1001, 1 / 1001), np.array([0.25, 0.5])
    ) == pytest.approx([250, 500], abs=0.5)


def test_models_band_one_patient_in_seven_differently(four, five):
    """About one patient in seven lies in another band of the other model."""
    share = band_disagreement(four, five, (41 / 237, 0.25))
    assert share == pytest.approx(1 / 7, abs=0.01)


def test_derivation_is_deterministic(four):
    """No random numbers: a second derivation is the first, bit for bit."""
    again = derive.__wrapped__("liu-nomogram")
    assert again.intercepts == four.intercepts
    assert np.array_equal(again.covariance, four.covariance)


def _correlation(matrix):
    scale = np.sqrt(np.diag(matrix))
    return matrix / np.outer(scale, scale)
