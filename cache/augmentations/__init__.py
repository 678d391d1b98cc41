"""Views: the same clips as they come back from other people's phones and platforms, for training to see and hear.

A view changes the pictures and the sound of a clip before the encoders, so its tokens are cached like those of the
clean clip. It is named by `view_name`, which enters the key of the tokens. Text is the same in every view.

No view mirrors, moves or crops, and none shifts time. What a view stands for is the same file after another journey,
and journeys do not mirror faces. The tokens of a grid keep their places, the stored boxes and landmarks stay true, and
lips stay with the sound.
"""

from unmask.cache.augmentations.audio import augmented_audio
from unmask.cache.augmentations.images import augmented_faces
from unmask.cache.augmentations.random_draws import VERSION, view_name

__all__ = ["VERSION", "augmented_audio", "augmented_faces", "view_name"]
