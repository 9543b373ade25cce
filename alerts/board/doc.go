// Package board is the pages that people look at, and the module they stand on:
// the board, which shows what is active; the list of channels with a viewer of
// their messages; and /client.js, which follows channels in a browser and is for
// pages of others too (CLIENT.md).
//
// The pages are plain ES modules and CSS of our own, embedded as they are: no build
// step, no vendored library. They read the relay's built-in locations beside them,
// and never another place. Addresses are relative to where a page is, so that a
// proxy may put the relay under a path and need not tell (page.go).
//
// # Files
//
//   - board: what is served where, with the security headers
//   - page: pages, which are shown at paths of any depth
//   - asset: one file, its tag, and its compressed form
//   - web/client.js, web/client/: following channels
//     follower (one connection after another, and what is told), transports (event
//     stream, WebSocket, long poll), wire (what answers look like), skew (clocks)
//   - web/index.html, web/assets/: the board. app connects the parts:
//     event, severity, state (from messages to what is known), view, matcher (what of
//     it is looked at, from the address), rows (filtered, grouped, counted), table, row
//     (the rows in sight as elements), board (all of that in its order, in slices
//     between frames), live, head, notices, sources, heard, storm, log (whether it is
//     true, how much, and who was heard when), panel, act, dialog, keys, tools, complete
//     (what people do), sound, notify, kiosk, recent, api, settings, text, time, lang
//   - web/assets/history.js: events of the past, and the state at any time;
//     timeline (the strip on which a moment is chosen), strip (drawing it),
//     timeline-words
//   - web/channels.html, web/assets/channels/: the list of channels
//     (channels, stats, rows) and of messages (viewer, list, render)
//
// # Invariants
//
// A text from the network becomes text and never HTML: there is no innerHTML, and
// the content security policy lets no browser take a string for code or markup.
// Nothing says "live" but while bytes come from the relay, and nothing shows a
// snapshot that is not complete. What the board shows of another time is framed:
// board.showPast takes any map of channels to alerts.
package board
