# Reference results for developing a model, by R: run `Rscript development.R` here.
#
# cv.glmnet with given folds, step and elimination by p, confint and the exact profile
# likelihood, the optimism of the whole pipeline on given resamples, nomogram points, and
# the tests of the baseline table. Written to development.json.

suppressMessages({
  library(glmnet)
  library(jsonlite)
  library(rms)
})

folder <- "../data"
develop <- read.csv(file.path(folder, "develop340.csv"), stringsAsFactors = FALSE)
cancer <- read.csv(file.path(folder, "breast_cancer.csv"))

numbers <- function(column) as.numeric(unname(column))

# The candidates as the service codes them; leakage has "none" for its reference.
coded <- with(develop, cbind(
  segment = as.numeric(segment == "lumbar"),
  method = match(method, c("pedicle_screw", "pvp", "pkp")),
  cement_ratio_percent,
  cobb_restoration_ratio_percent =
    100 * (cobb_preoperative_deg - cobb_postoperative_deg) / cobb_preoperative_deg,
  cobb_postoperative_deg,
  cobb_preoperative_deg,
  "sex: male" = as.numeric(sex == "male"),
  age_years, bmi, days_to_operation,
  "earlier_fracture: yes" = as.numeric(earlier_fracture == "yes"),
  "fascial_dropsy: yes" = as.numeric(fascial_dropsy == "yes"),
  "leakage: around" = as.numeric(leakage == "around"),
  "leakage: disc" = as.numeric(leakage == "disc"),
  lateral_cement_ratio_percent, height_preoperative_mm, height_postoperative_mm,
  compression_percent, height_restoration_percent, reduction_deg
))
outcome <- develop$scnen
groups <- c(as.list(1:12), list(13:14), as.list(15:20))
folds <- (seq_along(outcome) - 1) %% 10

cross_validated <- function(x, y, foldid) {
  cv.glmnet(x, y, family = "binomial", foldid = foldid + 1, thresh = 1e-14,
            maxit = 1e7)
}

lasso <- function(x, y, foldid) {
  cv <- cross_validated(x, y, foldid)
  list(
    penalties = cv$lambda, deviance = numbers(cv$cvm), error = numbers(cv$cvsd),
    best = cv$lambda.min, one_se = cv$lambda.1se,
    at_best = numbers(coef(cv, s = "lambda.min")),
    at_one_se = numbers(coef(cv, s = "lambda.1se")),
    explained = numbers(cv$glmnet.fit$dev.ratio)
  )
}

fitted_glm <- function(x, y, columns) {
  design <- cbind(1, x[, columns, drop = FALSE])
  glm.fit(design, y, family = binomial(),
          control = glm.control(epsilon = 1e-14, maxit = 100))
}

covariance <- function(fit) chol2inv(fit$qr$qr[, seq_along(fit$coefficients), drop = FALSE])

# Backward elimination by Wald's test, all columns of a term together.
eliminate <- function(x, y, kept) {
  dropped <- integer()
  p_dropped <- numeric()
  while (length(kept) > 0) {
    columns <- unlist(groups[kept])
    fit <- fitted_glm(x, y, columns)
    v <- covariance(fit)
    owner <- rep(kept, lengths(groups[kept]))
    p <- sapply(kept, function(term) {
      place <- 1 + which(owner == term)
      b <- fit$coefficients[place]
      pchisq(sum(b * solve(v[place, place], b)), length(place), lower.tail = FALSE)
    })
    if (max(p) < 0.05) break
    dropped <- c(dropped, kept[which.max(p)])
    p_dropped <- c(p_dropped, max(p))
    kept <- kept[-which.max(p)]
  }
  fit <- fitted_glm(x, y, unlist(groups[kept]))
  list(kept = kept, dropped = dropped, p = p_dropped, coefficients = numbers(fit$coefficients),
       covariance = covariance(fit))
}

selected <- function(x, y, foldid) {
  slopes <- numbers(coef(cross_validated(x, y, foldid), s = "lambda.1se"))[-1]
  which(sapply(groups, function(columns) any(slopes[columns] != 0)))
}

area <- function(score, y) {
  ranks <- rank(score)
  n <- sum(y)
  (sum(ranks[y == 1]) - n * (n + 1) / 2) / (n * sum(1 - y))
}

measured <- function(score, y) {
  line <- if (length(unique(score)) > 1) {
    numbers(glm(y ~ score, family = binomial(),
                control = glm.control(epsilon = 1e-14))$coefficients)
  } else c(NA, NA)
  c(auc = area(score, y), brier = mean((plogis(score) - y)^2),
    slope = line[2], intercept = line[1])
}

pipeline <- function(rows) {
  x <- coded[rows, ]
  y <- outcome[rows]
  chosen <- selected(x, y, folds[rows])
  found <- eliminate(x, y, chosen)
  score <- function(x) {
    drop(cbind(1, x[, unlist(groups[found$kept]), drop = FALSE]) %*% found$coefficients)
  }
  list(rows = rows - 1, selected = chosen - 1, kept = found$kept - 1,
       inside = numbers(measured(score(x), y)),
       outside = numbers(measured(score(coded), outcome)))
}

# Akaike's criterion, terms of the data frame.
frame <- data.frame(outcome, coded[, 1:12], leakage = factor(develop$leakage,
  levels = c("none", "around", "disc")), coded[, 15:20])
names(frame)[8] <- "sex"
names(frame)[12:13] <- c("earlier_fracture", "fascial_dropsy")
stepped <- step(glm(outcome ~ ., family = binomial(), data = frame,
                    control = glm.control(epsilon = 1e-14)), direction = "backward", trace = 0)

# Intervals: where the deviance has risen by 3.84, solved, and as confint interpolates it.
profile_columns <- c(1, 2, 3, 4, 13, 14)
profiled <- glm(outcome ~ coded[, profile_columns], family = binomial(),
                control = glm.control(epsilon = 1e-14))
exact <- sapply(seq_along(profile_columns) + 1, function(place) {
  x <- cbind(1, coded[, profile_columns])
  rise <- function(at) {
    fit <- glm.fit(x[, -place], outcome, family = binomial(), offset = x[, place] * at,
                   control = glm.control(epsilon = 1e-14, maxit = 100))
    fit$deviance - profiled$deviance - qchisq(0.95, 1)
  }
  b <- coef(profiled)[place]
  reach <- 6 * sqrt(vcov(profiled)[place, place])
  c(uniroot(rise, c(b - reach, b), tol = 1e-12)$root,
    uniroot(rise, c(b, b + reach), tol = 1e-12)$root)
})

# The nomogram of rms, on the ranges of datadist.
drawn <- data.frame(outcome, coded[, c(1, 2, 3, 4)], leakage = factor(develop$leakage,
  levels = c("none", "around", "disc")))
ranges <- datadist(drawn)
options(datadist = "ranges")
model <- lrm(outcome ~ segment + method + cement_ratio_percent +
               cobb_restoration_ratio_percent + leakage, data = drawn, tol = 1e-14,
             eps = 1e-12)
chart <- nomogram(model, fun = plogis, maxscale = 100, segment = c(0, 1),
                  method = 1:3)
points_of <- function(name) {
  axis <- chart[[name]]
  list(values = axis[[1]], points = numbers(axis$points))
}

# The tests of the baseline table.
case <- outcome == 1
counted <- function(name) {
  table <- table(case, develop[[name]])
  list(chi_square = suppressWarnings(chisq.test(table))$p.value,
       fisher = fisher.test(table)$p.value)
}
compared <- function(name) {
  x <- frame[[name]]
  list(
    shapiro = c(shapiro.test(x[case])$p.value, shapiro.test(x[!case])$p.value),
    welch = t.test(x[case], x[!case])$p.value,
    mann_whitney = wilcox.test(x[case], x[!case], exact = FALSE)$p.value,
    mean = mean(x[case]), sd = sd(x[case]),
    quartiles = numbers(quantile(x[case], c(.25, .5, .75))),
    difference = abs(mean(x[case]) - mean(x[!case])) /
      sqrt((var(x[case]) + var(x[!case])) / 2)
  )
}

set.seed(5)
samples <- lapply(1:10, function(b) sample(length(outcome), replace = TRUE))
cancer_x <- as.matrix(cancer[, -1])
cancer_folds <- (seq_len(nrow(cancer)) - 1) %% 10

result <- list(
  versions = as.list(c(R = as.character(getRversion()),
                       sapply(c("glmnet", "rms", "MASS"),
                              function(p) as.character(packageVersion(p))))),
  columns = colnames(coded),
  lasso = list(develop = lasso(coded, outcome, folds),
               cancer = lasso(cancer_x, cancer$malignant, cancer_folds)),
  elimination = {
    found <- eliminate(coded, outcome, seq_along(groups))
    list(kept = found$kept - 1, dropped = found$dropped - 1, p = found$p,
         coefficients = found$coefficients, covariance = found$covariance)
  },
  step = list(kept = attr(terms(stepped), "term.labels"),
              dropped = sub("- ", "", stepped$anova$Step[-1]),
              aic = stepped$anova$AIC[-1]),
  profile = list(columns = profile_columns - 1, coefficients = numbers(coef(profiled)),
                 exact = exact, confint = t(suppressMessages(confint(profiled))[-1, ])),
  pipeline = pipeline(seq_along(outcome)),
  resamples = lapply(samples, pipeline),
  nomogram = list(
    coefficients = numbers(coef(model)),
    limits = sapply(c("cement_ratio_percent", "cobb_restoration_ratio_percent"),
                    function(name) numbers(ranges$limits[c("Low:prediction", "High:prediction"), name])),
    points = sapply(c("segment", "method", "cement_ratio_percent",
                      "cobb_restoration_ratio_percent", "leakage"), points_of,
                    simplify = FALSE),
    total = list(points = numbers(chart$total.points$x), lp = numbers(chart$lp$x.real),
                 lp_points = numbers(chart$lp$x))
  ),
  baseline = list(
    counted = sapply(c("sex", "fascial_dropsy", "leakage", "method"), counted, simplify = FALSE),
    compared = sapply(c("age_years", "bmi", "days_to_operation",
                        "cement_ratio_percent"), compared, simplify = FALSE),
    fisher = list(two = fisher.test(matrix(c(3, 9, 12, 4), 2))$p.value,
                  three = fisher.test(matrix(c(2, 7, 1, 4, 0, 11), 2))$p.value)
  )
)
write_json(result, "development.json", digits = NA, auto_unbox = TRUE, pretty = TRUE, na = "null")
