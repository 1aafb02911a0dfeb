"""A run that goes on as a page in a browser: the report's charts and tables, fed once a second."""
