"""USB captures (usbmon, USBPcap): the AT ports of modems and serial adapters in them, as sources of the decoder.

Strategy: all that bulk endpoints carried is put in order of time, looked at (ports.py), and kept aside (spool.py). At
the end of the capture it is known which endpoints are a port, and which ports carry AT traffic; then the one that is
asked for, or the one with the most AT traffic, is read again from what was kept. The host is the MCU's side, the device
the module's. Memory is bounded; what endpoints carry that show no AT line in their first megabytes is not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from atshark.sources.usb.headers import CONTROL, IN, INTERRUPT, ISOCHRONOUS, PARSERS
from atshark.sources.usb.ports import Endpoint, Group
from atshark.sources.usb.spool import Spool
from atshark.sources.usb.survey import MAX_ENDPOINTS, Survey
from capture.chunk import Chunk, Side
from capture.errors import AtsharkError
from capture.pcapng import Packet

_MAX_TOLD = 6
_KINDS = {CONTROL: "control", INTERRUPT: "interrupt", ISOCHRONOUS: "isochronous"}


class Capture:
    """A USB capture. ``port`` names the port that is wanted, "" for the one with the most AT traffic.

    ``notes`` and ``warnings`` are filled while its chunks are read.
    """

    def __init__(self, packets: Iterator[Packet], name: str, port: str, warnings: list[str], notes: list[str]) -> None:
        self._packets, self._name, self._wanted = packets, name, port
        self._warnings, self._notes = warnings, notes

    def chunks(self) -> Iterator[Chunk]:
        """Yield what the port said, in order of time.

        Raises :class:`AtsharkError` if there is no AT port in the capture, or not the one that is wanted.
        """
        with Spool(self._name) as spool:
            survey = Survey(spool, keep_all=bool(self._wanted))
            survey.read(self._packets)
            found = survey.ports()
            chosen = self._named(found) if self._wanted else self._busiest(found, survey)
            self._tell(chosen, found, survey)
            self._warn(chosen, survey)
            sides: dict[int, Side] = {one.number: "module" if one.address & IN else "mcu" for one in chosen.ends}
            for time_ns, endpoint, data in spool.pieces():
                side = sides.get(endpoint)
                if side is not None:
                    yield Chunk(time_ns, side, data)

    def _named(self, found: list[Group]) -> Group:
        """Return the ports that are wanted, as one. Raises :class:`AtsharkError`."""
        ports = {port.name: port for group in found for port in group.ports}
        wanted = self._wanted.split("+")
        unknown = [name for name in wanted if name not in ports]
        if unknown:
            raise AtsharkError(f"{self._name}: there is no port {unknown[0]!r}: {_listed(found)}")
        return Group([ports[name] for name in dict.fromkeys(wanted)])

    def _busiest(self, found: list[Group], survey: Survey) -> Group:
        """Return the port with the most AT traffic. Raises :class:`AtsharkError` if none has any."""
        best = max((group for group in found if group.is_at), key=lambda group: group.traffic, default=None)
        if best is not None:
            return best
        cut = [text.removeprefix(f"{self._name}: ") for text in self._warnings]
        parts = [_listed(found), *_missing(survey.endpoints), *_damaged(survey), *cut]
        raise AtsharkError(f"{self._name}: a {survey.title} capture, but no AT traffic is in it: {'; '.join(parts)}")

    def _tell(self, chosen: Group, found: list[Group], survey: Survey) -> None:
        """Say what is read, what else could be, and what is left out."""
        notes = [f"read as {survey.title}: {chosen.told}"]
        if len(chosen.ports) > 1:
            notes.append(f"the device was plugged in anew: {chosen.name} are read as one port")
        others = [group for group in found if not set(group.ports) & set(chosen.ports)]
        file = "/dev/stdin" if self._name == "standard input" else self._name
        for group in [one for one in others if one.is_at][:_MAX_TOLD]:
            notes.append(f"another AT port is {group.name} ({group.content}); '{file}#{group.name}' reads it")
        rest = [group for group in others if not group.is_at]
        left = [f"{count:,} {_KINDS.get(kind, 'unknown')} packets" for kind, count in sorted(survey.kinds.items())]
        left += [f"port {group.name} ({group.content})" for group in rest[:_MAX_TOLD]]
        left += [f"{len(rest) - _MAX_TOLD} ports more"] if len(rest) > _MAX_TOLD else []
        left += [f"{survey.surplus:,} packets of more than {MAX_ENDPOINTS} endpoints"] if survey.surplus else []
        left += [f"{survey.doubles:,} packets that were captured twice"] if survey.doubles else []
        if left:
            notes.append(f"left out: {', '.join(left)}")
        if survey.late:
            notes.append(f"{survey.late:,} transfers stand far from where their times belong, and stay there")
        failed, lost = sum(one.failed for one in chosen.ends), sum(one.failed_bytes for one in chosen.ends)
        if failed:
            notes.append(f"{failed:,} transfers to the module failed: their {lost:,} bytes may not have arrived")
        self._notes[:0] = notes

    def _warn(self, chosen: Group, survey: Survey) -> None:
        """Say what is cut or damaged."""
        texts = [*_missing(chosen.ends), *_damaged(survey)]
        left_out = sum(one.left_out for one in chosen.ends)
        if left_out:
            texts.append(
                f"{left_out:,} bytes are left out, because one side had said much and no AT line before; "
                f"'{self._name}#{chosen.name}' reads all"
            )
        self._warnings += [f"{self._name}: {text}" for text in texts]


def _listed(found: list[Group]) -> str:
    """Name the ports there are."""
    if not found:
        return "no bulk endpoint was used"
    told = [f"{group.name} ({group.content})" for group in found[:_MAX_TOLD]]
    more = f" and {len(found) - _MAX_TOLD} more" if len(found) > _MAX_TOLD else ""
    return f"its ports are {', '.join(told)}{more}"


def _missing(endpoints: Iterable[Endpoint]) -> list[str]:
    cut = [one for one in endpoints if one.missing]
    missing, count = sum(one.missing for one in cut), sum(one.cut for one in cut)
    what = f"{missing:,} bytes of {count:,} transfers are not in the capture: a snap length, or the system, cut them"
    return [what] if cut else []


def _damaged(survey: Survey) -> list[str]:
    return [f"{survey.damaged:,} packets have no whole header of {survey.title}"] if survey.damaged else []


__all__ = ["PARSERS", "Capture"]
