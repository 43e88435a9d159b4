"""The screens: one build, the table of several, an alert in full."""
