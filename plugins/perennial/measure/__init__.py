"""Pure mathematics: arrays in, numbers out, each with its uncertainty or a word about it."""
