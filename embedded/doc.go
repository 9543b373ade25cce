// Package embedded runs a NATS server with JetStream inside the process. It
// knows nothing of channels or alerts: it gives a directory a server, and the
// program a connection to it.
//
// # Files
//
//   - server: options, starting and stopping
//   - lock: one process per directory
//   - log: the server's log lines into slog, and its fatal errors into ours
//   - space: coming back after the disk was full
//
// # Invariants
//
//   - The directory is locked before the server opens it and unlocked after the
//     server has closed it: two servers on one directory lose what they
//     acknowledged.
//   - The server never ends the process and handles no signal.
//   - A stream that cannot be read stops the start. It is never replaced by an
//     empty one.
package embedded
