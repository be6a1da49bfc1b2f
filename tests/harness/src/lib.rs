//! Starts and kills gateways for tests, and talks to them over raw sockets.
