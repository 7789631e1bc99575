"""The server: promptseg for other programs, over HTTP. It needs the extra ``server``.

A request passes the layers of `middleware` and reaches a route of `api` or of a protocol of another tool in `protocols`. Both speak to the
`Service`, which keeps the images, and asks the `Engine`. The engine puts the request into the queue of a `DeviceWorker`, the one thread
that works on a device. The event loop never computes.
"""
