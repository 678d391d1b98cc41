"""Pictures for the page of a verdict: frames, face crops and a waveform."""
