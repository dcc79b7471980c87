"""Documents, and what is found in them: `documents` finds and reads them, `chunking` cuts them, `lexical` scores them against a query."""
