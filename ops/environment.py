"""`python -m ops.environment`: settings of a deployment that are no secrets, from `ops/env.yaml` and the environment.

Writes `build/env.yaml`. A setting that the environment does not name stops the build.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from string import Template

from ops.stage import BUILD, ROOT


def environment(values: Mapping[str, str]) -> str:
    """The text of `env.yaml`. Raises SystemExit for a setting without a value."""
    try:
        return Template((ROOT / "ops" / "env.yaml").read_text()).substitute(values)
    except KeyError as error:
        raise SystemExit(f"{error.args[0]} is not set") from None


if __name__ == "__main__":
    BUILD.mkdir(exist_ok=True)
    (BUILD / "env.yaml").write_text(environment(os.environ))
