"""Token stores: written once, read by memory map."""
