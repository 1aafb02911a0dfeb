"""The rules themselves, a module for each subject, and the table of them all."""
