# Fits every case of a folder by glmnet: Rscript glmnet.R FOLDER
# A case is a folder with X.csv, y.csv, lambda.csv, weights.csv, factors.csv, offset.csv or none, and settings.csv
# (family, alpha, grouped, lower). Its coef.csv gets a row for each output and λ: the intercept, then the weights.
suppressMessages(library(glmnet))

table <- function(folder, name) as.matrix(read.csv(file.path(folder, name), header = FALSE))

for (folder in list.dirs(commandArgs(TRUE)[1], recursive = FALSE)) {
  settings <- read.csv(file.path(folder, "settings.csv"), stringsAsFactors = FALSE)
  y <- table(folder, "y.csv")
  offset <- if (file.exists(file.path(folder, "offset.csv"))) unname(table(folder, "offset.csv")) else NULL
  arguments <- list(
    x = unname(table(folder, "X.csv")),
    y = if (settings$family == "mgaussian") unname(y) else if (settings$family == "gaussian") y[, 1] else factor(y[, 1]),
    family = settings$family,
    alpha = settings$alpha,
    lambda = table(folder, "lambda.csv")[, 1],
    weights = table(folder, "weights.csv")[, 1],
    penalty.factor = table(folder, "factors.csv")[, 1],
    lower.limits = settings$lower,
    thresh = 1e-14,
    maxit = 1e7
  )
  if (!is.null(offset)) arguments$offset <- if (ncol(offset) == 1) offset[, 1] else offset
  if (settings$family == "multinomial") arguments$type.multinomial <- if (settings$grouped) "grouped" else "ungrouped"
  fitted <- do.call(glmnet, arguments)
  blocks <- coef(fitted)
  if (!is.list(blocks)) blocks <- list(blocks)
  rows <- do.call(rbind, lapply(blocks, function(block) t(as.matrix(block))))
  write.table(format(rows, digits = 17), file.path(folder, "coef.csv"), sep = ",", quote = FALSE,
              row.names = FALSE, col.names = FALSE)
}
