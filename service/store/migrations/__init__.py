"""How the tables of the store came to be, revision by revision."""
