"""What payload holds: frames, the streams and datagrams that they come in."""
