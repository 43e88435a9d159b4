"""The pure middle: Polls go in, a Build and its alerts come out. No I/O, no clock, no asyncio."""
