"""Build; where ``ATSHARK_COMPILE`` is set, compile the decoder's hot path with mypyc (the same code, twice as fast)."""

import os

from setuptools import setup

COMPILED = [
    *(
        f"decoder/{name}.py"
        for name in (
            "catalog", "commands", "context", "framing", "grammar", "groups", "inline", "mcu", "module", "ranking",
            "raw", "requests", "session", "states", "times", "transactions", "transparent", "values",
        )
    ),
    *(
        f"decoder/findings/{name}.py"
        for name in ("__init__", "declared", "line", "lwm2m", "mqtt", "network", "ranges", "say", "story")
    ),
    "capture/pcapng.py",
    "capture/recording.py",
    "capture/upper_pdu.py",
    "wireshark/export.py",
    "wireshark/synthetic_ip.py",
]  # fmt: skip

if os.environ.get("ATSHARK_COMPILE"):
    from mypyc.build import mypycify

    setup(ext_modules=mypycify(COMPILED, opt_level="3"))
else:
    setup()
