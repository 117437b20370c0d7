"""One subject each; every function that ``bench.__main__`` lists gives rows of the table."""
