# One break by R's package `segmented` (Muggeo 2003): least squares, plain and weighted, and binomial with the
# identity link. Reads a table (curve, x, right, n, start, weight) from the file named first, writes one row per curve to the second.
suppressPackageStartupMessages(library(segmented))
arguments <- commandArgs(trailingOnly = TRUE)
data <- read.csv(arguments[1], stringsAsFactors = FALSE)

fields <- function(fit) {
  if (inherits(fit, "try-error") || is.null(fit$psi)) return(rep(NA, 4))
  limits <- confint(fit)[1, ]
  c(limits[1], limits[2], limits[3], as.numeric(logLik(fit)))
}

rows <- lapply(unique(data$curve), function(name) {
  d <- data[data$curve == name, ]
  d$y <- d$right / d$n
  assign("d", d, envir = globalenv()) # segmented() looks its data up there
  plain <- lm(y ~ x, data = d)
  least <- try(segmented(plain, seg.Z = ~x, psi = d$start[1], control = seg.control(n.boot = 0)), silent = TRUE)
  davies <- try(davies.test(plain, ~x, k = 10)$p.value, silent = TRUE)
  binomial_fit <- try(suppressWarnings({
    g <- glm(y ~ x, data = d, weights = n, family = binomial(link = "identity"))
    segmented(g, seg.Z = ~x, psi = d$start[1], control = seg.control(n.boot = 0))
  }), silent = TRUE)
  weighted <- try({
    w <- lm(y ~ x, data = d, weights = weight)
    segmented(w, seg.Z = ~x, psi = d$start[1], control = seg.control(n.boot = 0))
  }, silent = TRUE)
  if (inherits(davies, "try-error")) davies <- NA
  c(name, fields(least), davies, fields(weighted)[1:3], fields(binomial_fit))
})
table <- as.data.frame(do.call(rbind, rows))
names(table) <- c("curve", "break", "low", "high", "log_likelihood", "davies_p",
                  "weighted_break", "weighted_low", "weighted_high",
                  "binomial_break", "binomial_low", "binomial_high", "binomial_log_likelihood")
table$r <- R.version.string
table$segmented <- as.character(packageVersion("segmented"))
write.csv(table, arguments[2], row.names = FALSE)
