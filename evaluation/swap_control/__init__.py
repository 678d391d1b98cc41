"""The swap control: does a genuine image hide fake audio, and genuine audio a fake image?"""
