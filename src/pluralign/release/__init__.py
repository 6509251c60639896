"""The release: configs, card, Croissant, checksums, code book, data sheet, and the push to the Hub.

A built folder is a dataset repository as it stands::

    README.md            card; its YAML header lists every config
    raters.parquet items.parquet ratings.parquet truth.parquet provenance.json      the canonical tables
    configs/<group>-<scale>-<aggregation>/{train,test}.parquet                      derived from them
    croissant.json
    checksums.sha256     written last: its presence means that all is there
"""
