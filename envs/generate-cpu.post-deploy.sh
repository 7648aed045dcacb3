#!/bin/sh
# vLLM asks for torch's libraries for pictures and sound, of which the Python package index has builds for CUDA alone:
# beside the CPU build of torch they end `import vllm`. No model here sees or hears, so they go.
exec python -m pip uninstall --yes --quiet torchvision torchaudio torchcodec
