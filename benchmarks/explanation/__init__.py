"""Does an explanation name the half of a clip that was replaced by a fake?"""
