# Discrimination, subgroups and agreement by R, for tests/statistics.
#
#     Rscript tests/statistics/reference/discrimination.R
#
# From the project's folder; reads tests/statistics/data, writes discrimination.json.

suppressPackageStartupMessages({
  library(jsonlite)
  library(nlme)
  library(pROC)
})

data <- "tests/statistics/data"
cohort <- read.csv(file.path(data, "synthetic340.csv"))
cohort <- within(cohort, {
  segment <- as.numeric(segment == "lumbar")
  method <- match(method, c("pedicle_screw", "pvp", "pkp"))
  cobb_restoration_ratio_percent <-
    100 * (cobb_preoperative_deg - cobb_postoperative_deg) / cobb_preoperative_deg
})
tumours <- read.csv(file.path(data, "breast_cancer.csv"))

# "<": those with the outcome have the higher score.
curve <- function(outcome, score) {
  roc(outcome, score, levels = c(0, 1), direction = "<", quiet = TRUE)
}

area <- function(outcome, score) {
  r <- curve(outcome, score)
  ci <- as.numeric(ci.auc(r, method = "delong"))
  list(auc = as.numeric(auc(r)), low = ci[1], high = ci[3], se = sqrt(var(r)))
}

against <- function(outcome, first, second) {
  t <- roc.test(curve(outcome, first), curve(outcome, second),
                method = "delong", paired = TRUE)
  list(first = as.numeric(t$estimate[1]), second = as.numeric(t$estimate[2]),
       z = as.numeric(t$statistic), p = as.numeric(t$p.value),
       low = as.numeric(t$conf.int[1]), high = as.numeric(t$conf.int[2]))
}

points <- function(outcome, score) {
  r <- curve(outcome, score)
  list(sensitivity = rev(r$sensitivities), specificity = rev(r$specificities))
}

subgroup <- function(rows) {
  y <- cohort$scnen[rows]
  p <- cohort$risk[rows]
  fit <- glm(y ~ 1, offset = qlogis(p), family = binomial,
             control = glm.control(epsilon = 1e-14))
  ci <- suppressMessages(confint.default(fit))
  # Riley et al. (2021), doi:10.1002/sim.9025: symmetric on the log scale.
  error <- sqrt((1 - mean(y)) / sum(y))
  list(n = length(y), events = sum(y), auc = area(y, p),
       observed_expected = mean(y) / mean(p) * exp(qnorm(c(0.5, 0.025, 0.975)) * error),
       intercept = c(unname(coef(fit)), as.numeric(ci)))
}

# Shrout and Fleiss (1979), table 2: six targets, four judges.
ratings <- data.frame(
  value = c(9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8, 7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4, 7),
  subject = factor(rep(1:6, each = 4)), judge = factor(rep(1:4, 6)))
mixed <- lme(value ~ judge, random = ~ 1 | subject, data = ratings)
parts <- as.numeric(VarCorr(mixed)[, "Variance"])
within_squares <- anova(lm(value ~ subject, ratings))["Residuals", "Mean Sq"]

with_seed <- function(expression) {
  set.seed(1)
  eval(expression)
}

y <- cohort$scnen
few <- 1:100 # fewer than 50 events
signs <- c(segment = 1, method = -1, cement_ratio_percent = -1,
           cobb_restoration_ratio_percent = -1)
result <- list(
  software = list(R = R.version.string, pROC = as.character(packageVersion("pROC")),
                  nlme = as.character(packageVersion("nlme"))),
  cohort = list(
    risk = area(y, cohort$risk),
    curve = points(y, cohort$risk),
    predictors = lapply(setNames(names(signs), names(signs)), function(name)
      against(y, signs[[name]] * cohort[[name]], cohort$risk)),
    bootstrap = with_seed(quote(as.numeric(ci.auc(
      curve(y[few], cohort$risk[few]), method = "bootstrap", boot.n = 20000,
      boot.stratified = TRUE, progress = "none")))),
    bootstrap_test = with_seed(quote(as.numeric(roc.test(
      curve(y, -cohort$cement_ratio_percent), curve(y, cohort$risk),
      method = "bootstrap", boot.n = 20000, progress = "none")$statistic))),
    subgroups = list(
      female = subgroup(cohort$sex == "female"), male = subgroup(cohort$sex == "male"),
      "below 65" = subgroup(cohort$age_years < 65),
      "65 to below 75" = subgroup(cohort$age_years >= 65 & cohort$age_years < 75),
      "75 or more" = subgroup(cohort$age_years >= 75)),
    cement_quantiles = lapply(list(with = 1, without = 0), function(k)
      as.numeric(quantile(cohort$cement_ratio_percent[y == k], type = 7)))),
  tumours = list(
    areas = lapply(tumours[-1], function(x) area(tumours$malignant, x)),
    smoothness = points(tumours$malignant, tumours$mean_smoothness),
    tests = list(
      texture_smoothness = against(tumours$malignant, tumours$mean_texture,
                                   tumours$mean_smoothness),
      smoothness_symmetry = against(tumours$malignant, tumours$mean_smoothness,
                                    tumours$mean_symmetry))),
  shrout_fleiss = list(consistency = parts[1] / sum(parts),
                       within_subject_sd = sqrt(within_squares)))

write_json(result, "tests/statistics/reference/discrimination.json",
           auto_unbox = TRUE, digits = NA, pretty = TRUE)
