"""Engines, which decode or score: `vllm` in process, an `endpoint`, a `reward` model, a model with `thought` tokens.

All follow the protocol in `base`. `lease` starts one with the first request, on devices from `gpu_locks`; `energy`
measures it.
"""
