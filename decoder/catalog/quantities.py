"""Physical values of coded parameters: dBm, seconds, times.

A coded parameter keeps the text of the wire; next to it stands what it means, under its name with the unit
behind: ``rssi`` 23 and ``rssi_dbm`` -67, ``req_tau`` "00100001" and ``req_tau_s`` 3600. Each function takes the
value as decoded and the parameters in front of it. It returns the physical value, None if the code has none, and
what there is to say of it ("deactivated").

Sources: 3GPP TS 27.007 8.5, 8.15; TS 24.008 10.5.7.3 and 10.5.7.4 (GPRS timer, timer 2), 10.5.7.4a (timer 3),
10.5.5.32 (extended DRX parameters).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Measured = tuple[float | int | str | None, str]
Quantity = Callable[[Any, dict[str, Any]], Measured]
_NOTHING: Measured = (None, "")

_BITS_8 = re.compile(r"[01]{8}\Z")
_BITS_4 = re.compile(r"[01]{4}\Z")
_TIME = re.compile(r'"?(?:20)?(\d\d)/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)(?:([+-])(\d\d?))?"?\Z', re.ASCII)
_TIMER_UNITS = {0: 2, 1: 60, 2: 360}
_TIMER_3_UNITS = {0: 600, 1: 3600, 2: 36000, 3: 2, 4: 30, 5: 60, 6: 1152000}
_DEACTIVATED = 7
_EDRX_CYCLES: dict[str, tuple[float, ...]] = {
    "gsm": (1.88, 3.76, 7.53, 12.24, 24.48, 48.96, 97.92, 195.84, 391.68, 783.36, 1566.72, 3133.44),
    "utran": (10.24, 20.48, 40.96, 81.92, 163.84, 327.68, 655.36, 1310.72, 1966.08, 2621.44),
    "wb": (5.12, 10.24, 20.48, 40.96, 61.44, 81.92, 102.4, 122.88, 143.36, 163.84, 327.68, 655.36, 1310.72, 2621.44,
           2621.44, 2621.44),
    "nb": (20.48, 20.48, 20.48, 40.96, 20.48, 81.92, 20.48, 20.48, 20.48, 163.84, 327.68, 655.36, 1310.72, 2621.44,
           5242.88, 10485.76),
}  # fmt: skip
_PTW_UTRAN = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20)
_ACCESS = {1: "gsm", 2: "gsm", 3: "utran", 4: "wb", 5: "nb"}


def rssi(value: Any, _params: dict[str, Any]) -> Measured:
    """Return dBm of a coded signal strength (0-31 GSM and LTE, 100-191 TD-SCDMA)."""
    if not isinstance(value, int):
        return _NOTHING
    if 0 <= value <= 31:
        return 2 * value - 113, ""
    return (value - 216, "") if 100 <= value <= 191 else _NOTHING


def gprs_timer(value: Any, _params: dict[str, Any]) -> Measured:
    """Return seconds of a GPRS timer or GPRS timer 2 given as eight bits; an unknown unit counts minutes."""
    return _timer(value, _TIMER_UNITS)


def gprs_timer_3(value: Any, _params: dict[str, Any]) -> Measured:
    """Return seconds of a GPRS timer 3 given as eight bits."""
    return _timer(value, _TIMER_3_UNITS)


def _timer(value: Any, units: dict[int, int]) -> Measured:
    if not isinstance(value, str) or not _BITS_8.match(value):
        return _NOTHING
    unit = int(value[:3], 2)
    if unit == _DEACTIVATED:
        return None, "deactivated"
    return units.get(unit, 60) * int(value[3:], 2), ""


def edrx_cycle(value: Any, params: dict[str, Any]) -> Measured:
    """Return seconds of an eDRX cycle given as four bits. ``act_type`` says for which access technology."""
    if not isinstance(value, str) or not _BITS_4.match(value):
        return _NOTHING
    cycles = _EDRX_CYCLES[_access(params)]
    code = int(value, 2)
    return cycles[code] if code < len(cycles) else cycles[0], ""


def paging_window(value: Any, params: dict[str, Any]) -> Measured:
    """Return seconds of a paging time window given as four bits. ``act_type`` says for which access technology."""
    if not isinstance(value, str) or not _BITS_4.match(value):
        return _NOTHING
    access, code = _access(params), int(value, 2)
    if access in ("gsm", "utran"):
        return _PTW_UTRAN[code], ""
    return round((code + 1) * (2.56 if access == "nb" else 1.28), 2), ""


def _access(params: dict[str, Any]) -> str:
    return _ACCESS.get(params.get("act_type", 5), "nb")


def clock(value: Any, _params: dict[str, Any]) -> Measured:
    """Return "yy/MM/dd,hh:mm:ss+zz" (or yyyy) as an ISO 8601 time; zz counts quarter hours east of Greenwich."""
    match = _TIME.match(value) if isinstance(value, str) else None
    if match is None:
        return _NOTHING
    year, month, day, hour, minute, second, sign, quarters = match.groups()
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31 and int(hour) < 24 and int(minute) < 60):
        return _NOTHING
    zone = f"{sign}{int(quarters) // 4:02}:{int(quarters) % 4 * 15:02}" if sign else ""
    return f"20{year}-{month}-{day}T{hour}:{minute}:{second}{zone}", ""


QUANTITIES: dict[str, tuple[str, Quantity]] = {
    "rssi": ("_dbm", rssi),
    "gprs-timer": ("_s", gprs_timer),
    "gprs-timer-3": ("_s", gprs_timer_3),
    "edrx-cycle": ("_s", edrx_cycle),
    "paging-window": ("_s", paging_window),
    "time": ("_iso", clock),
}
"""Parameter types that have a physical value: the ending of its name, and how it is computed."""
