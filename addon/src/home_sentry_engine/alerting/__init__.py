"""Whether somebody is to be alarmed, and why not."""
