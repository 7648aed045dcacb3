"""Makes offers.csv from the price list of litellm.

python data/prices/prepare.py LIST VERSION DATE

LIST is model_prices_and_context_window.json of the package litellm, in its wheel the file of this name with `_backup`,
VERSION its version and DATE the day it was read, YYYY-MM-DD. Of the names in models.yaml each provider in PROVIDERS has
one offer per model, under the first of its names.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import yaml

HERE = Path(__file__).parent
PROVIDERS = {
    "anyscale": "Anyscale",
    "azure_ai": "Azure",
    "baseten": "Baseten",
    "bedrock": "Amazon Bedrock",
    "bedrock_converse": "Amazon Bedrock",
    "cerebras": "Cerebras",
    "cloudflare": "Cloudflare",
    "crusoe": "Crusoe",
    "databricks": "Databricks",
    "deepinfra": "DeepInfra",
    "deepseek": "DeepSeek",
    "fireworks_ai": "Fireworks",
    "friendliai": "FriendliAI",
    "gmi": "GMI Cloud",
    "groq": "Groq",
    "hyperbolic": "Hyperbolic",
    "lambda_ai": "Lambda",
    "mistral": "Mistral AI",
    "moonshot": "Moonshot AI",
    "nebius": "Nebius",
    "novita": "Novita",
    "nscale": "Nscale",
    "oci": "Oracle",
    "ovhcloud": "OVHcloud",
    "replicate": "Replicate",
    "sambanova": "SambaNova",
    "scaleway": "Scaleway",
    "together_ai": "Together AI",
    "vertex_ai": "Google Vertex AI",
    "wandb": "Weights & Biases",
    "watsonx": "IBM watsonx",
    "zai": "Z.ai",
}
"""Who runs models on machines of their own, by the name in the list; gateways that pass requests on are left out."""
MILLION = 1e6


def offers(listed: Mapping[str, Mapping], models: Mapping[str, list[str]]) -> Iterator[dict]:
    """Yield a row per model and provider."""
    by_name: dict[str, list[tuple[str, Mapping]]] = {}
    for key, entry in listed.items():
        if entry.get("mode") == "chat" and entry.get("output_cost_per_token"):
            by_name.setdefault(key.rsplit("/", 1)[-1].lower(), []).append((key, entry))
    for model, names in models.items():
        seen = set()
        for key, entry in (pair for name in names for pair in sorted(by_name.get(name, []), key=base_first)):
            provider = PROVIDERS.get(entry["litellm_provider"].split("-")[0])
            if provider is None or provider in seen:
                continue
            seen.add(provider)
            yield {
                "model": model,
                "provider": provider,
                "listed_as": key,
                "usd_per_million_input": round(entry["input_cost_per_token"] * MILLION, 6),
                "usd_per_million_output": round(entry["output_cost_per_token"] * MILLION, 6),
            }


def base_first(pair: tuple[str, Mapping]) -> tuple[int, str]:
    """Sort names without a region before those with one."""
    return pair[0].count("/"), pair[0]


def main(path: Path, version: str, date: str) -> None:
    """Write the table next to this file."""
    models = yaml.safe_load((HERE / "models.yaml").read_text(encoding="utf-8"))
    table = pd.DataFrame(offers(json.loads(path.read_text(encoding="utf-8")), models))
    table = table.assign(date=date, source=f"litellm {version}, model_prices_and_context_window.json (MIT)")
    table.to_csv(HERE / "offers.csv", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
