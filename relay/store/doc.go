// Package store keeps messages in a JetStream stream and gives them back. It is
// the only code that speaks NATS, beside package embedded.
//
// All channels are subjects of one stream, so there is one order and one
// cursor: the stream sequence.
//
// # Files
//
//   - subject: channels to subjects and back; nowhere else do the two meet
//   - conn, api: the connection, and requests to the server
//   - store, stream: opening, and the stream's settings
//   - publish, ack, header: a message on its way in
//   - pull, follow: reading a stream in order, for ever
//   - consume, reader: all messages in order, into a Sink
//   - epoch: noticing that the stream is not what it was
//   - warm: where reading begins, and what is known of the time before
//   - replay, page, last: history for the hub's Archive, and the last message of a
//     channel
//   - scan: passes over the whole stream: the last of each channel, and history
//   - bucket, watch: the newest value of each key, in a key-value bucket of NATS
//   - purge, lifecycle: deleting a channel, and marking where one begins or ends
//   - peers, ask: the other relays on the stream, and their subscribers
//   - counts: what should outlive a restart and is not in the stream
//
// # Invariants
//
//   - Publish returns no error only after the server has said that the message
//     is stored.
//   - The Sink is called by one goroutine. Between two Resets it gets every
//     message once, in the order of the stream.
//   - One way of reading a stream in order (pull), and one of going on with it
//     over restarts (follow), for channels and buckets alike.
//   - What was removed from the stream before it could be read is counted (Missed).
//   - No header of a foreign request is copied: a publisher of ours cannot set
//     Nats-*. One on NATS can set what it likes, so what the server says is told
//     from a message by the reply subject (pull), or by the end of the headers
//     (page), never by a header alone.
package store
