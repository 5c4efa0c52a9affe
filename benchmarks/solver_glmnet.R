# One path by glmnet: Rscript solver_glmnet.R FOLDER
# Reads x.bin (n × p by columns), y.bin and lambda.bin of doubles and settings.csv (n, p, family, alpha, thresh); writes
# coef.bin (p × m for each output), a0.bin, and done.csv (seconds, CPU seconds, λ's, outputs).
suppressMessages(library(glmnet))
folder <- commandArgs(TRUE)[1]
file_of <- function(name) file.path(folder, name)
a <- read.csv(file_of("settings.csv"), stringsAsFactors = FALSE)
x <- matrix(readBin(file_of("x.bin"), "double", a$n * a$p), a$n, a$p)
y <- readBin(file_of("y.bin"), "double", a$n)
lambda <- readBin(file_of("lambda.bin"), "double", 1e4)
family <- if (a$family == "grouped") "multinomial" else a$family
kind <- if (a$family == "grouped") "grouped" else "ungrouped"
target <- if (family == "gaussian") y else factor(y)
glmnet.control(fdev = 0, devmax = 1)  # no early end: every λ is asked for
began <- proc.time()
f <- glmnet(x, target, family = family, alpha = a$alpha, lambda = lambda, standardize = FALSE, thresh = a$thresh,
            maxit = 1e7, type.multinomial = kind)
spent <- proc.time() - began
beta <- if (is.list(f$beta)) f$beta else list(f$beta)
out <- file(file_of("coef.bin"), "wb")
for (b in beta) writeBin(as.vector(as.matrix(b)), out)
close(out)
writeBin(as.vector(f$a0), file_of("a0.bin"))
write.csv(data.frame(seconds = spent[["elapsed"]], cpu = spent[["user.self"]] + spent[["sys.self"]],
                     lambdas = length(f$lambda), outputs = length(beta)),
          file_of("done.csv"), row.names = FALSE)
