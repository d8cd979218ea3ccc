"""The heart in a chest CT, and to which artery or other site calcified lesions belong."""
