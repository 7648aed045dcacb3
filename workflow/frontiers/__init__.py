"""Pure functions of the Reasoning Frontiers study; nothing in here knows Snakemake."""
