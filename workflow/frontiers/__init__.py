"""Pure functions of the Reasoning Frontiers study; nothing in here knows Snakemake."""

import sys

# No model here sees or hears, and where torch's libraries for that are of another build than torch (CUDA beside CPU),
# importing them ends vLLM and transformers with "operator torchvision::nms does not exist". So they count as absent.
for name in ("torchvision", "torchaudio"):
    sys.modules.setdefault(name, None)
