"""What labmodels costs, as ratios measured in one run; `make bench` runs all topics. A topic is one module with `figures(folder)`."""
