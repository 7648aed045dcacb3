"""The page of all completions of a measured study: question, trace with its cuts, answers and verdicts at every cap.

`series` takes the texts from the tables, `page` writes the page and the files that it loads from its folder.
"""
