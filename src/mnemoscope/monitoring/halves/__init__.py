"""Two models trained on the halves of a random split: where they agree, and whether each is drawn to its own half."""
