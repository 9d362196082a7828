"""Between TM Forum's documents and the words of the domain."""
