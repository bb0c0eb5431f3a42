"""Foreign tables to canonical ones, by a mapping that is data: one file a vendor, one engine."""

from history.mapping.declaration import Mapping, MappingError, parse_mapping
from history.mapping.vendors import vendor_mapping, vendor_names, vendor_text

__all__ = [
    "Mapping",
    "MappingError",
    "parse_mapping",
    "vendor_mapping",
    "vendor_names",
    "vendor_text",
]
