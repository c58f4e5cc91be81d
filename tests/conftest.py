"""What holds for all tests: nobody's own configuration and no plugin that somebody installed take part."""

from __future__ import annotations

import os
import tempfile

os.environ["HOME"] = os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="atshark-tests-")
