"""A shop: a package with modules of its own, as a web application has."""

VAT = 0.2
