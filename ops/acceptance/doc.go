// Package acceptance has the tests that take as long as what they are about: the
// program as a process of its own, with Debian's Prometheus, Alertmanager and
// amtool, at the intervals that people use. They are about what operators see at
// which time, so their durations are what they assert; a machine that is busy with
// something else can fail them.
//
//	task acceptance
//
// runs those of intake one after another and then all others at once, in about 11
// minutes, most of which is waiting. They are
// behind the build tag "acceptance", and no part of "go test ./...": the same
// promises are tested there within seconds, with shorter intervals. Each test ends
// with a line of what it has measured.
//
// # Files
//
//   - intake: what is stored when a sender has its answer, storms, new followers, the board
//   - ghosts: what is silenced or inhibited and over leaves the screens
//   - cluster: a relay that is slower than the members of a cluster wait
//   - direct: Prometheus without an Alertmanager
//   - watchdog: an alert that should always fire
//   - ack: who has an alert in hand, on all screens, and as a silence
//   - silence: silencing at the relay, and the warning before it ends
//   - process, sender, proxy: the relay, who sends to it, and what stands between
package acceptance
