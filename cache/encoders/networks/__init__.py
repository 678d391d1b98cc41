"""Networks that are written down here, where the library that has them costs more than the network itself."""
