"""The screen: a drawing of Updates, and of the recorded log. It fetches, counts and times nothing."""
