"""How a network goes on learning from a champion: a file for each strategy; `table` lists them."""
