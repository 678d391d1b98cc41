"""The test items again under corruptions of the image and of the audio, from tokens that are kept."""
