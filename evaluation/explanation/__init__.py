"""Why a file got its score: contributions of each modality and second, maps over faces, nearest training clips."""
