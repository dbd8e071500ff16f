"""One file a variant; its name is the variant's.  Each exports `build(ndim, **options) -> Blocks`."""
