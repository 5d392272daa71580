"""The optional publisher for an MQTT broker; only ``link`` needs the library."""
