"""`pluralign report`: what a set of ratings says, as one page, figures and tables."""
