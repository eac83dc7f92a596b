"""Console: a page for the browser that shows and calls what is deployed to the local cloud.

The gateway, the executor and the interpreter report to `Console` what has ended; the page reads it by a JSON API and hears
of changes by server-sent events.
"""
