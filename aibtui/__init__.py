"""aibtui watches a build of Azure VM Image Builder while it runs.

The map of the house; imports point one way, from the top of this list to its end:

    cli           the commands; the composition root, the only module that knows everybody
    tui           the screen: one reactive Update, panels that draw it
    outputs       the same stream drawn as lines, JSON, a report
    emulator      a local Azure Image Builder on loopback, scenarios as data
    session       watch(source, monitor, recordings) -> Updates, and the exit code
    sources       where Polls come from: Azure, a file, a recording
    recording     one run on disk: its bytes, its looks, its resume offset
    config        flags, environment, config file, az's defaults
    wording       one vocabulary for every front end
    safetext      the one door from remote text to a screen
    core          bytes -> lines -> events -> build -> alerts; pure
"""

__version__ = "0.1.0"
