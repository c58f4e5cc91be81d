"""What bytes mean: chunks of two wires in, messages, records and findings out. No I/O, no clock."""
