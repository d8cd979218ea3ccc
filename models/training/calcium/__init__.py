"""Training of the heart's mean image, its courses, and the classifier of calcified lesions."""
