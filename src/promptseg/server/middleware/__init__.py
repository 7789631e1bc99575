"""What stands between the socket and the routes: records, checks of who asks, limits of bodies, and clients that go away."""
