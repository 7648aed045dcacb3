#!/bin/sh
# vLLM requires torch's image and audio libraries, for which the Python package index has only CUDA builds. Together
# with the CPU build of torch they break `import vllm`. No model here processes images or sound, so remove them.
exec python -m pip uninstall --yes --quiet torchvision torchaudio torchcodec
