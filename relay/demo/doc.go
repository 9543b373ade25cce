// Package demo is a fleet that does not exist, and whose monitoring does: it makes
// up teams, hosts and services, has alerts fire, flap, escalate and end, and sends
// to a relay what real senders would, over HTTP, at the addresses they use.
//
// # Senders
//
//   - am, an Alertmanager: /in/alertmanager/am, groups of alerts, repeated; what is
//     muted is left out of them, and its event recorder says so at /in/events/am
//   - prom, a Prometheus without one: /in/prom/api/v2/alerts
//   - edge, the Alertmanager of a far site, which falls silent now and then
//   - people, who acknowledge: /api/v1/alerts/{id}/ack
//
// # Times
//
// A Sim counts simulated time from the beginning of the past. The past ends where
// the present begins, and there the pace changes: of the past one simulated second
// is one second, of the present Speed of them are. A stream gives its messages their
// times itself, so the past cannot be told with them. It is told with what the
// relay itself says in each event, updatedAt: while the past is told, in a few
// seconds, the relay's alerts go by a Clock that is set to the simulated time of each
// request (app.Clock), and then by the machine's. So every time in an event is what
// it would have been; that of the message, by which history is asked for, is when
// the demonstration was started. What the relay finds out by itself, that an alert
// is stale or a source silent, it finds out in the past too: the clock stands still
// for a moment where that happens.
//
// # Files
//
//   - fleet: who and what there is
//   - sim, queue: what happens, in an order that the seed decides
//   - tell: what senders say of it, and when
//   - disturb: flapping, silences, acknowledgements, and a site that falls silent
//   - incident: the scenarios in which one cause has many alerts fire
//   - senders: the bodies
//   - run: sending them
//   - clock: the relay's clock
package demo
