"""One UART, as wires: bytes in, spans out, each with its times."""
