"""From a list of rows to a table with the columns and types of its schema."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from frontiers.tables import table_schema


def frame_of(rows: Iterable[Mapping[str, object]], name: str) -> pd.DataFrame:
    """Return the rows as the table `name`: columns and types of its schema, absent fields empty."""
    columns = table_schema(name)["properties"]
    frame = pd.DataFrame(list(rows), columns=list(columns))
    for column, rule in columns.items():
        if "number" in rule["type"]:
            frame[column] = frame[column].astype(float).replace([np.inf, -np.inf], np.nan)
        elif "integer" in rule["type"]:
            frame[column] = frame[column].astype(float).astype("Int64")
        elif "boolean" in rule["type"]:
            frame[column] = frame[column].astype(bool)
        else:
            frame[column] = frame[column].astype(object).where(frame[column].notna(), None)
    return frame
