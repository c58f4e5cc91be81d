"""The virtual line: a simulated UART, and the meter and the module of the demo and the tests."""
