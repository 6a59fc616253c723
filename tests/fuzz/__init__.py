"""Fuzzers of everything that ganforge reads and did not write itself.

`readers/` holds one reader a `Target`: valid documents to begin with, and what is done with a document. `mutation` and
`containers` make others of them, `judge` says whether what happened is allowed. `test_fuzz.py` is the short form, with
the corpus of what was once found; the long form is guided by coverage:

    pip install -e '.[fuzz]'
    python -m tests.fuzz --inputs 100000             # all readers, one after the other
    python -m tests.fuzz --inputs 500000 --target idx
"""
