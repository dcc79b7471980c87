"""Documents, and what is found in them: `documents` finds and cuts them, `lexical` scores them against a query."""
