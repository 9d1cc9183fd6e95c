"""The pages of docs/ that are made from the code they describe: a module for each, put together in `__main__`."""
