"""Put into an environment, with a .pth file that imports it: has each of its processes say at the end what it was.

Writes a JSON file into the folder named by RECORDED: executable, arguments, search path, and the file of
every module that has been imported.
"""

import atexit
import json
import os
import sys
import uuid


def record() -> None:
    files = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    said = {"executable": sys.executable, "arguments": sys.argv, "path": sys.path, "files": files}
    with open(os.path.join(os.environ["RECORDED"], f"{uuid.uuid4()}.json"), "w") as file:
        json.dump(said, file, default=str)


if "RECORDED" in os.environ:
    atexit.register(record)
