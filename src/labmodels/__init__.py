"""labmodels operates the AI models of a lab: configuration as code, releases, and a router with fallback."""

__version__ = "0.1.0"
