// Package board is the page that people look at: a live list of the newest
// messages of the channels they type in, with alerts shown as alerts.
//
// The page is plain ES modules and CSS of our own, embedded as they are: no build
// step, no vendored library. It reads the relay's built-in locations /ev/, /lp/
// and /poll/ beside it and writes nothing. Addresses in it are relative, so a
// proxy may put the relay under a path.
//
// # Files
//
//   - board: serving the page with its security headers
//   - web/index.html, web/assets/board.css: the page
//   - web/assets/app.js: what connects the parts below
//   - web/assets/feed.js: following channels: transports, cursor, silence
//   - web/assets/wire.js: what answers look like
//   - web/assets/list.js: the bounded list, and pausing
//   - web/assets/render.js, time.js: a message as elements, and times
//   - web/assets/status.js: what is known of the connection
//
// # Invariants
//
// A text from the network becomes text and never HTML: there is no innerHTML, and
// the content security policy lets no browser take a string for code or markup.
// The page says "live" only while bytes come from the relay.
package board
