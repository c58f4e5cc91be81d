"""What holds for all tests: nobody's own configuration takes part."""

from __future__ import annotations

import os
import tempfile

os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="atshark-tests-")
