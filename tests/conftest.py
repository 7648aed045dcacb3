"""One OpenMP thread per process: a second loses more than it wins as soon as anything else uses the cores."""

import os

os.environ["OMP_NUM_THREADS"] = "1"
