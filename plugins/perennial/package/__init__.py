"""package: a signed Bento of the blessed candidate."""

from perennial.package.packaging import Packaged, package, packaged_version
from perennial.package.signature import verify_bento

__all__ = ["Packaged", "package", "packaged_version", "verify_bento"]
