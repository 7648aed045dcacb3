"""What decodes or scores: `vllm` in process, an `endpoint`, a `reward` model, a model with `thought` tokens.

All keep the protocol in `base`; `lease` starts one when it is first needed, on devices from `gpu_locks`, and `energy`
meters it.
"""
