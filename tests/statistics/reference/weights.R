# Inverse-probability-of-examination weights by R's glm and quantile, for test_weights.py.
#
#   Rscript tests/statistics/reference/weights.R      (from the root of the project)

library(jsonlite)

folder <- "tests/statistics"
patients <- read.csv(file.path(folder, "data", "examined.csv"), comment.char = "#")
fit <- glm(
  examined ~ segment + method + cement_ratio_percent + cobb_restoration_ratio_percent,
  family = binomial, data = patients, control = glm.control(epsilon = 1e-14, maxit = 100)
)
probability <- unname(fitted(fit))
share <- mean(patients$examined)
raw <- (share / probability)[patients$examined == 1]

truncated <- function(quantiles) {
  limits <- quantile(raw, quantiles, type = 7, names = FALSE)
  weights <- pmin(pmax(raw, limits[1]), limits[2])
  list(
    quantiles = quantiles, limits = limits, weights = weights,
    truncated = sum(weights != raw),
    effective_sample_size = sum(weights)^2 / sum(weights^2)
  )
}

results <- list(
  made_with = list(R = R.version.string, jsonlite = as.character(packageVersion("jsonlite"))),
  examined = share,
  probability = probability,
  truncations = list(
    truncated(c(0.01, 0.99)), truncated(c(0.05, 0.95)), truncated(c(0, 1))
  )
)
write_json(results, file.path(folder, "reference", "weights.json"),
  auto_unbox = TRUE, digits = NA, pretty = TRUE)
