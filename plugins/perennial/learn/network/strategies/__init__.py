"""How a network goes on learning from a champion: one file for each strategy, `table` lists them."""
