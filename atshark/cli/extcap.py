"""``atshark extcap``: what Wireshark calls to list the capture interfaces and to capture."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import click

from atshark import extcap
from atshark.cli import DONE, UNUSABLE, in_force
from capture.errors import AtsharkError

_READ_S = 0.3


@click.command("extcap", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.option("--extcap-interfaces", "list_interfaces", is_flag=True, help="List the interfaces.")
@click.option("--extcap-version", help="The version of Wireshark that asks.")
@click.option("--extcap-interface", "interface", help="The interface that is meant.")
@click.option("--extcap-dlts", "list_link_types", is_flag=True, help="List its link types.")
@click.option("--extcap-config", "list_options", is_flag=True, help="List its options.")
@click.option("--extcap-reload-option", "reload_option", help="List the values of an option again.")
@click.option("--extcap-capture-filter", "capture_filter", help="Not supported: display filters do more.")
@click.option("--capture", "start", is_flag=True, help="Capture.")
@click.option("--fifo", type=click.Path(path_type=Path), help="The pipe to write packets into.")
@click.option("--mcu-port", help="The port that hears the MCU.")
@click.option("--module-port", help="The port that hears the module.")
@click.option("--mcu-port-name", help="The same, typed instead of chosen.")
@click.option("--module-port-name", help="The same, typed instead of chosen.")
@click.option("--baud", default=extcap.DEFAULT_BAUD, show_default=True, type=click.IntRange(50, 12_000_000))
@click.option("--dialect", default="", help="Dialects, separated by commas.")
@click.option("--record", help="A file to keep the recording in.")
def command(
    list_interfaces: bool, extcap_version: str | None, interface: str | None, list_link_types: bool, list_options: bool,
    reload_option: str | None, capture_filter: str | None, start: bool, fifo: Path | None, mcu_port: str | None,
    module_port: str | None, mcu_port_name: str | None, module_port_name: str | None, baud: int,
    dialect: str, record: str | None,
) -> int:  # fmt: skip
    """Answer Wireshark: list the capture interfaces and their options, or capture into a pipe."""
    del extcap_version
    if list_interfaces:
        return _print(extcap.interfaces())
    if interface not in extcap.INTERFACES:
        raise AtsharkError(f"there is no interface {interface!r}; there are {', '.join(extcap.INTERFACES)}")
    if list_link_types:
        return _print(extcap.link_types())
    if reload_option:
        return _print(extcap.reload(reload_option))
    if list_options:
        return _print(extcap.options(interface))
    if capture_filter:
        # asked without --capture, to check the filter: any output says that it is not valid
        raise AtsharkError("AT tap has no capture filters; use a display filter")
    if not start:
        return DONE
    if fifo is None:
        raise AtsharkError("--capture needs --fifo, the pipe to write into")
    dialects = tuple(part for part in dialect.split(",") if part)
    kept = Path(record) if record else None
    mcu, module = mcu_port_name or mcu_port or "", module_port_name or module_port or ""
    demo = interface == "atshark-demo"
    with extcap.pipe(fifo) as stream:
        try:
            known = in_force(dialects)
            with extcap.demo_line() if demo else extcap.real_line(mcu, module, baud) as tap:
                extcap.capture(stream, tap, known, kept)
        except AtsharkError as error:
            # said before the pipe is closed: then Wireshark looks for a message, once
            click.echo(f"atshark: {error}", err=True)
            time.sleep(_READ_S)
            return UNUSABLE
    return DONE


def _print(lines: Iterable[str]) -> int:
    for line in lines:
        click.echo(line)
    return DONE
