"""Vector figures with matplotlib, which only this folder imports."""
