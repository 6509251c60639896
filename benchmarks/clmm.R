# One cumulative link mixed model by ordinal::clmm, timed. What benchmarks/clmm.py compares with; it writes the CSV.
#
# Rscript benchmarks/clmm.R ratings.csv answer.json
#
# The CSV has the columns rating, rater, item and x1 … xp, which are treatment-coded already, so that both fit one design.
# Debian and Ubuntu: apt-get install r-base-core r-cran-ordinal

arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) != 2) stop("usage: Rscript clmm.R ratings.csv answer.json")
suppressPackageStartupMessages(library(ordinal))

ratings <- read.csv(arguments[1])
ratings$rating <- ordered(ratings$rating)
ratings$rater <- factor(ratings$rater)
ratings$item <- factor(ratings$item)
covariates <- grep("^x[0-9]+$", names(ratings), value = TRUE)
formula <- as.formula(paste("rating ~", paste(c(covariates, "(1 | rater)", "(1 | item)"), collapse = " + ")))

seconds <- system.time(fit <- clmm(formula, data = ratings, link = "logit"))
numbers <- function(values) paste0("[", paste(sprintf("%.17g", values), collapse = ", "), "]")
table <- coef(summary(fit))
sds <- sapply(VarCorr(fit), function(v) sqrt(v[1, 1]))
lines <- c(
  sprintf("\"r\": \"%s\"", R.version.string),
  sprintf("\"ordinal\": \"%s\"", packageVersion("ordinal")),
  sprintf("\"elapsed_s\": %.3f", seconds[["elapsed"]]),
  sprintf("\"cpu_s\": %.3f", seconds[["user.self"]] + seconds[["sys.self"]]),
  sprintf("\"loglik\": %.17g", as.numeric(logLik(fit))),
  sprintf("\"estimates\": %s", numbers(table[, 1])),
  sprintf("\"se\": %s", numbers(table[, 2])),
  sprintf("\"sd_rater\": %.17g, \"sd_item\": %.17g", sds[["rater"]], sds[["item"]])
)
# Written beside and renamed: half an answer is never read.
beside <- paste0(arguments[2], ".part")
writeLines(paste0("{", paste(lines, collapse = ",\n "), "}"), beside)
invisible(file.rename(beside, arguments[2]))
