# Net benefit by R, written out patient by patient, for tests/statistics.
#
#     Rscript tests/statistics/reference/utility.R
#
# From the project's folder; reads tests/statistics/data, writes utility.json. Debian has
# no package for decision curves; the tests hold them against dcurves in Python as well.

suppressPackageStartupMessages(library(jsonlite))

data <- "tests/statistics/data"
cohort <- read.csv(file.path(data, "synthetic340.csv"))
tumours <- read.csv(file.path(data, "breast_cancer.csv"))
# Whole per cent: many risks equal a threshold.
tumours$risk <- round(100 * plogis((tumours$mean_texture - 20) / 4)) / 100

thresholds <- (1:80) / 100

# Vickers and Elkin (2006): each patient weighs as many as `weight` says.
net_benefit <- function(outcome, treated, weight, threshold) {
  odds <- threshold / (1 - threshold)
  sum(weight * treated * (outcome - (1 - outcome) * odds)) / sum(weight)
}

# Patients sampled by outcome: each kind is weighed to its share of the population.
to_population <- function(outcome, prevalence) {
  ifelse(outcome == 1, prevalence / mean(outcome),
         (1 - prevalence) / (1 - mean(outcome)))
}

curves <- function(outcome, risk, weight = rep(1, length(outcome))) {
  over <- function(treated) sapply(thresholds, function(t)
    net_benefit(outcome, treated(t), weight, t))
  model <- over(function(t) as.numeric(risk >= t))
  all <- over(function(t) rep(1, length(risk)))
  prevalence <- sum(weight * outcome) / sum(weight)
  list(model = model, treat_all = all, standardised = model / prevalence,
       interventions_avoided = (model - all) * (1 - thresholds) / thresholds)
}

weight <- 1 + (seq_len(nrow(cohort)) - 1) %% 3 # 1, 2, 3, 1, 2, 3, ...
result <- list(
  software = list(R = R.version.string),
  thresholds = thresholds,
  cohort = curves(cohort$scnen, cohort$risk),
  cohort_weighted = curves(cohort$scnen, cohort$risk, weight),
  cohort_population_5_percent = curves(
    cohort$scnen, cohort$risk, to_population(cohort$scnen, 0.05)),
  tumours = curves(tumours$malignant, tumours$risk))

write_json(result, "tests/statistics/reference/utility.json",
           auto_unbox = TRUE, digits = NA, pretty = FALSE)
