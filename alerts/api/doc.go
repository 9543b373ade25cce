// Package api is the HTTP API for alerts, under /api/v1: what is firing, what has
// happened, who has it in hand, and silences. openapi.yaml describes it, and is
// served.
//
// # The places of an answer
//
// A list of alerts says up to which place of the stream it is right: its head. The
// head's time and tag are those of a message, so a follower hands them straight
// back as it does those of the last message it saw,
//
//	/ev/db.>?time=Sun,%2022%20Nov%202026%2007:00:00%20GMT&tag=1234
//
// and gets every later event and no other. cursor is the same for Last-Event-ID.
//
// # Files
//
//   - api: the options, the one table of routes, methods
//   - guard: who may do what, headers that every answer has
//   - author: tokens, and who the author of a change is
//   - params, body: reading requests, strictly; errors name the field
//   - answer: errors, compression, answers that are made piece by piece
//   - list, history, csv, ack, sources, silences: the routes
//
// # Invariants
//
//   - What is large is made while it is sent, with bounded memory: lists and
//     history. When that fails half way, the connection is cut, so that no client
//     takes a part for the whole.
//   - Errors are JSON with a reason that the client can act on. What the store or a
//     sender's API says stays in the log, unless the client is at fault.
//   - Nothing is changed for a page of another site.
//   - Who shows a token with a name acts in that name and in no other.
package api
