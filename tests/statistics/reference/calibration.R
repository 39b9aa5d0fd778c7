# Reference results for the calibration statistics, from R's rms, Hmisc, stats and sandwich.
#
#   Rscript tests/statistics/reference/calibration.R      (from the project's root)
#
# Writes tests/statistics/reference/calibration.json. Needs Debian's r-cran-rms,
# r-cran-jsonlite, r-cran-sandwich.
suppressMessages({library(rms); library(sandwich); library(jsonlite)})

here <- "tests/statistics"
synthetic <- read.csv(file.path(here, "data/synthetic340.csv"), na.strings = "")
synthetic <- synthetic[!is.na(synthetic$scnen) & !is.na(synthetic$risk), ]
cancer <- read.csv(file.path(here, "data/breast_cancer.csv"))

logistic <- function(formula, data, weights = NULL) {
  data$w <- if (is.null(weights)) rep(1, nrow(data)) else weights
  fit <- suppressWarnings(glm(formula, binomial, data, weights = w,
                              control = glm.control(epsilon = 1e-14, maxit = 100)))
  list(coefficients = unname(coef(fit)), covariance = unname(vcov(fit)),
       sandwich = unname(sandwich(fit)), log_likelihood = as.numeric(logLik(fit)))
}

hosmer <- function(y, p, groups = 10) {
  cuts <- unique(quantile(p, seq(0, 1, length = groups + 1)))
  place <- cut(p, cuts, include.lowest = TRUE)
  o <- tapply(y, place, sum); e <- tapply(p, place, sum); n <- tapply(y, place, length)
  chi <- sum((o - e)^2 / (e * (1 - e / n)))
  list(statistic = chi, p_external = pchisq(chi, length(n), lower.tail = FALSE),
       p_internal = pchisq(chi, length(n) - 2, lower.tail = FALSE))
}

calibration <- function(y, p) {
  lp <- qlogis(p)
  large <- glm(y ~ 1, binomial, offset = lp, control = glm.control(epsilon = 1e-14))
  line <- glm(y ~ lp, binomial, control = glm.control(epsilon = 1e-14))
  smooth <- lowess(p, y, iter = 0)
  grid <- seq(min(p), max(p), length = 101)
  exact <- loess(y ~ p, degree = 1, span = 2 / 3,
                 control = loess.control(surface = "direct", statistics = "exact"))
  at <- predict(exact, data.frame(p = grid), se = TRUE)
  knots <- quantile(lp, c(.05, .275, .5, .725, .95))
  spline <- lrm(y ~ rcs(lp, knots), x = TRUE, y = TRUE, eps = 1e-12, maxit = 100)
  band <- predict(spline, data.frame(lp = qlogis(grid)), se.fit = TRUE)
  list(outcome = y, risk = p, val_prob = as.list(val.prob(p, y, pl = FALSE)),
       large = list(value = unname(coef(large)), interval = unname(confint.default(large))),
       line = list(coefficients = unname(coef(line)),
                   interval = unname(confint.default(line))),
       grid = grid, lowess = approx(smooth, xout = grid, ties = mean)$y,
       errors = unname(quantile(abs(p - approx(smooth, xout = p, ties = mean)$y),
                                c(0.5, 0.9))),
       loess = unname(at$fit), loess_norm = unname(at$se.fit / at$residual.scale),
       spline = list(knots = unname(knots), coefficients = unname(coef(spline)),
                     curve = unname(plogis(band$linear.predictors)),
                     low = unname(plogis(band$linear.predictors - qnorm(.975) * band$se.fit)),
                     high = unname(plogis(band$linear.predictors + qnorm(.975) * band$se.fit))),
       hosmer_lemeshow = hosmer(y, p))
}

# The same resamples as `calibrate` draws, so that both can be compared to the last digit.
corrected <- function(formula, data, resamples) {
  fit <- lrm(formula, data, x = TRUE, y = TRUE, tol = 1e-13)
  set.seed(2024); n <- nrow(data)
  rows <- lapply(seq_len(resamples), function(i) sample(n, replace = TRUE) - 1)
  set.seed(2024)
  found <- calibrate(fit, B = resamples, pr = FALSE)
  at <- attributes(found); there <- !is.na(found[, "calibrated.corrected"])
  err <- at$predicted - approx(found[there, "predy"], found[there, "calibrated.corrected"],
                               xout = at$predicted, ties = mean)$y
  list(predictors = attr(terms(formula), "term.labels"), rows = rows,
       risk = unname(found[, "predy"]), apparent = unname(found[, "calibrated.orig"]),
       optimism = unname(found[, "optimism"]),
       corrected = unname(found[, "calibrated.corrected"]), reached = unname(found[, "n"]),
       mean_absolute_error = mean(abs(err), na.rm = TRUE),
       e90 = unname(quantile(abs(err), 0.9, na.rm = TRUE)))
}

cancer_model <- malignant ~ mean_texture + mean_smoothness + mean_symmetry
synthetic_model <- scnen ~ cement_ratio_percent + cobb_preoperative_deg
complete <- synthetic[complete.cases(synthetic[, all.vars(synthetic_model)]), ]
weight <- 1 + (seq_len(nrow(cancer)) %% 5) / 4
fitted <- fitted(glm(cancer_model, binomial, cancer))

result <- list(
  made_by = "tests/statistics/reference/calibration.R",
  versions = c(list(R = as.character(getRversion())),
               sapply(c("rms", "Hmisc", "sandwich", "jsonlite"),
                      function(p) as.character(packageVersion(p)), simplify = FALSE)),
  logistic = logistic(cancer_model, cancer),
  logistic_weighted = logistic(cancer_model, cancer, weight),
  weight = weight,
  synthetic = calibration(synthetic$scnen, synthetic$risk),
  # A model that is wrong here: too extreme, and too low on average.
  cancer = calibration(cancer$malignant, unname(plogis(1.6 * qlogis(fitted) - 0.4))),
  corrected_cancer = corrected(cancer_model, cancer, 30),
  corrected_synthetic = corrected(synthetic_model, complete, 30))
write(toJSON(result, digits = 15, auto_unbox = TRUE, pretty = FALSE),
      file.path(here, "reference/calibration.json"))
