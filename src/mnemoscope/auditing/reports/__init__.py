"""What an audit found, shown: in words, as JSON, as a page, in a terminal, on a model card."""
