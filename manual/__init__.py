"""The manual: a page of docs/reference/ and a man page of docs/man/ for each command of both programs.

`make reference` writes all pages, and a test fails while one of them is out of date. They are made from the tables of
commands, the usage texts, the transcripts in ``manual/examples/``, and the facts in ``facts.py``.
"""
