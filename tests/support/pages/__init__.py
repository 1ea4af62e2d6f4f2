"""What tests of the pages share: commands that a reader types, and files that they describe."""
