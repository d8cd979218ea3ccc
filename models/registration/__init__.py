"""Deformable registration of the lungs of two chest CTs, on torch.

`registering.register` is the entry. Places are computed in the *frame* of each scan: millimetres (k, j, i) from the
outer corner of the box around its lungs, along the axes of its grid. The order of the steps:

1. `images`: HU and lungs on isotropic grids, from coarse to fine; at each place how bright it is among its neighbours
   of the lung (which no kernel, contrast or depth of breath changes much), and how far inside the lung it lies;
2. `affine`: several starts from the lungs' frames, the best one refined;
3. `deformable`: a cubic B-spline displacement, coarse to fine;
4. `quality`: folding, similarity and residual error, which decide whether the deformation is to be trusted.
"""
