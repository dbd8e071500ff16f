"""dynconv: does a dynamic convolution pay for itself?  Honest benchmarks of ResNet variants."""

__version__ = "0.1.0"
