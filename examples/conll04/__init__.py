"""CoNLL04 (Roth and Yih 2004) as a corpus, from a copy that you have: nothing of it is shipped here."""
