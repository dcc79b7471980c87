"""The tests mirror src/labmodels; what spans packages has a folder of its own."""
