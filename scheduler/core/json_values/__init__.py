"""Python values as JSON text and back, at any depth and with any number of digits. Pure.

    encoding    a value as text: by `json` where it can, else by `writing`
    writing     writes one value without recursion, and knows the place in it
    scalars     text, numbers, booleans and None
    forms       other types in JSON's own: dates, enums, dataclasses, numpy, pydantic, …
    refusing    what is said of a value without a JSON form: its place, its type, a short repr
    grammar     whether a text is JSON
    parsing     the value of a text that is JSON

Only the standard library, and nothing heavy of it: each pool process imports this. A type of
another library is known by the name of its class, so nothing is imported to look for it.
"""
