"""The SCNEN application: from a hook call to a card."""
