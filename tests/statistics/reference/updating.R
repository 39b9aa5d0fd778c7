# Reference results for the updating of a model, by glm with offsets and anova.
#
# Needs Debian's r-cran-mass, r-cran-rms, r-cran-jsonlite.
#
# Data: updating700.csv (synthetic, committed beside the other data) with the published
# equation; and the Pima Indians of the package MASS, whose two files were made for
# developing (Pima.tr, 200) and testing (Pima.te, 332) a model. Run from the folder of
# the repository:
#   Rscript tests/statistics/reference/updating.R

suppressMessages({library(MASS); library(rms); library(jsonlite)})

tight <- glm.control(epsilon = 1e-14, maxit = 100)

update_of <- function(y, x, intercept, slopes) {
  lp <- as.vector(intercept + x %*% slopes)
  as_is <- glm(y ~ 0 + offset(lp), family = binomial, control = tight)
  moved <- glm(y ~ 1 + offset(lp), family = binomial, control = tight)
  scaled <- glm(y ~ lp, family = binomial, control = tight)
  refit <- glm(y ~ x, family = binomial, control = tight)
  null <- glm(y ~ 1, family = binomial, control = tight)
  test <- function(simple) {
    found <- anova(simple, refit, test = "LRT")
    list(statistic = found$Deviance[2], df = found$Df[2], p = found[["Pr(>Chi)"]][2])
  }
  chi <- null$deviance - refit$deviance
  list(
    n = length(y), events = sum(y),
    log_likelihood = list(
      as_is = as.numeric(logLik(as_is)), intercept = as.numeric(logLik(moved)),
      slope = as.numeric(logLik(scaled)), refit = as.numeric(logLik(refit))
    ),
    shift = unname(coef(moved)), shift_error = sqrt(vcov(moved)[1, 1]),
    slope = unname(coef(scaled)), slope_covariance = unname(vcov(scaled)),
    refit = unname(coef(refit)), refit_covariance = unname(vcov(refit)),
    tests = list(as_is = test(as_is), intercept = test(moved), slope = test(scaled)),
    heuristic_shrinkage = (chi - ncol(x)) / chi
  )
}

lines <- read.csv("tests/statistics/data/updating700.csv", comment.char = "#")
lines <- lines[!is.na(lines$scnen), ]
ratio <- (lines$cobb_preoperative_deg - lines$cobb_postoperative_deg) /
  lines$cobb_preoperative_deg * 100
x <- cbind(
  as.numeric(lines$segment == "lumbar"),
  match(lines$method, c("pedicle_screw", "pvp", "pkp")),
  lines$cement_ratio_percent, ratio
)
own <- update_of(lines$scnen, x, 2.048, c(1.608, -0.599, -0.045, -0.027))

# The bootstrapped slope of rms is the mean slope of the resampled models.
set.seed(46)
frame <- data.frame(y = lines$scnen, x)
names(frame) <- c("y", "a", "b", "c", "d")
whole <- lrm(y ~ a + b + c + d, data = frame, x = TRUE, y = TRUE)
own$bootstrap_shrinkage <-
  unname(rms::validate(whole, B = 4000)["Slope", "index.corrected"])

# Method is the same for all: its coefficient cannot be estimated again.
same <- x[, 2] == 3
y_same <- lines$scnen[same]
x_same <- x[same, c(1, 3, 4)]
kept <- update_of(y_same, x_same, 2.048 - 0.599 * 3, c(1.608, -0.045, -0.027))

columns <- c("npreg", "glu", "bp", "skin", "bmi", "ped", "age")
first <- glm(type ~ npreg + glu + bp + skin + bmi + ped + age,
             data = Pima.tr, family = binomial, control = tight)
tested <- as.matrix(Pima.te[, columns])
pima <- update_of(as.numeric(Pima.te$type == "Yes"), tested,
                  coef(first)[1], coef(first)[-1])
pima$original <- unname(coef(first))
write.csv(cbind(Pima.te[, columns], diabetes = as.numeric(Pima.te$type == "Yes")),
          "tests/statistics/data/updating_pima.csv", row.names = FALSE, quote = FALSE)

write_json(
  list(
    made_by = "tests/statistics/reference/updating.R",
    versions = list(R = R.version.string, MASS = as.character(packageVersion("MASS")),
                    rms = as.character(packageVersion("rms"))),
    own = own, same_method = kept, pima = pima
  ),
  "tests/statistics/reference/updating.json", digits = I(15), auto_unbox = TRUE,
  pretty = TRUE
)
