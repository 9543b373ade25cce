package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"alertrelay/relay"
)

// Peers are the other relays on the same stream. They hear of each other by
// greetings, and ask each other for the numbers of their subscribers, in messages
// that are in no stream:
//
//	_ALERTRELAY.<stream>.hello   greetings, every two seconds
//	_ALERTRELAY.<stream>.stats   questions; answers go to an inbox
//
// Where NATS restricts its users, a relay's must be allowed to publish and to
// subscribe to "_ALERTRELAY.>". Without, relays do not see each other: each
// tells its own numbers only, and nothing else changes.
//
// Whoever may read the stream may ask. A relay that does not answer in time is
// left out of the numbers, and is not waited for in the next two seconds; one
// that was killed is forgotten after seven. Numbers are up to a second old. A
// relay alone on its stream asks nobody.
type Peers struct {
	store   *Store
	local   Local
	log     *slog.Logger
	id      string
	started time.Time
	inbox   string // of answers, with the dot

	company atomic.Bool // seen is not empty

	mu      sync.Mutex // guards what follows
	seen    map[string]*peer
	cache   map[[sha256.Size]byte]*cached // by what was asked for
	waiting map[string]chan part
	next    uint64
}

// Local is what this relay tells of itself. relay.Hub is one.
type Local interface {
	// Subscribers is how many subscriptions are open.
	Subscribers() int
	// Channel has the number of a channel's subscribers.
	Channel(id string) (s relay.ChannelStats, ok bool)
	// Ends counts channels that have ended. What peers have said before is not
	// repeated after it has grown: a deleted channel would seem to be there.
	Ends() uint64
	// Watched says how many subscribers channels have, of those that match and
	// have any.
	Watched(match func(id string) bool) map[string]int
}

const (
	helloInterval = 2 * time.Second
	maxPeers      = 1000
	forgetAfter   = 7 * time.Second
	lateFor       = 2 * time.Second // how long a peer that did not answer is not waited for
	maxPart       = 128 << 10       // bytes of channels in one message: far below what servers take
	maxParts      = 256             // of one answer; the channels of what is over that are left out
)

// peer is a relay that was heard of.
type peer struct {
	heard time.Time
	late  time.Time // until when it is not waited for
}

// hello is a greeting.
type hello struct {
	Relay  string `json:"relay"`
	Stream int64  `json:"stream"`         // when it was created
	Gone   bool   `json:"gone,omitempty"` // the relay stops
}

// question asks for subscribers. Channels are escaped as in subjects: an id may
// be no UTF-8.
type question struct {
	Relay    string   `json:"relay"`
	Stream   int64    `json:"stream"`
	Channels []string `json:"channels,omitempty"`
	All      bool     `json:"all,omitempty"`   // channels
	Under    []byte   `json:"under,omitempty"` // of all, those that begin so
}

// reply is the first line of one part of what a peer says. Lines follow it, a
// channel and its number on each: JSON would take longer than there is for a
// hundred thousand.
type reply struct {
	Relay       string `json:"relay"`
	PID         int    `json:"pid"`
	Subscribers int    `json:"subscribers"`
	UptimeMS    int64  `json:"uptime_ms"`
	Part        int    `json:"part"`
	Last        bool   `json:"last"`
}

// part is a reply with its lines.
type part struct {
	reply
	lines string
}

// NewPeers makes a Peers that tells what local knows. It knows nobody until Run.
func (s *Store) NewPeers(local Local) *Peers {
	return &Peers{
		store: s, local: local, log: s.log, id: nuid.Next(), started: time.Now(), inbox: s.nc.NewInbox() + ".",
		seen: make(map[string]*peer), cache: make(map[[sha256.Size]byte]*cached), waiting: make(map[string]chan part),
	}
}

func (p *Peers) subject(name string) string { return "_ALERTRELAY." + p.store.opts.Stream + "." + name }

// Run greets and answers the others until ctx ends; then it takes its leave and
// returns nil. It is to be called once. The error is relay.ErrUnavailable if the
// connection is closed.
func (p *Peers) Run(ctx context.Context) error {
	var subs []*nats.Subscription
	defer func() {
		for _, sub := range subs {
			_ = sub.Unsubscribe()
		}
	}()
	for subject, receive := range map[string]nats.MsgHandler{
		p.subject("hello"): p.greeted, p.subject("stats"): p.asked, p.inbox + "*": p.answered,
	} {
		sub, err := p.store.nc.Subscribe(subject, receive)
		if err != nil {
			return unavailable("subscribe to peers", err)
		}
		subs = append(subs, sub)
		if err := sub.SetPendingLimits(4096, 16<<20); err != nil {
			return unavailable("subscribe to peers", err)
		}
	}
	ticker := time.NewTicker(helloInterval)
	defer ticker.Stop()
	for {
		p.greet(false)
		p.Seen() // forgets who is gone
		select {
		case <-ticker.C:
		case <-ctx.Done():
			p.greet(true)
			return nil
		}
	}
}

func (p *Peers) greet(gone bool) {
	p.send(p.subject("hello"), "", hello{p.id, p.store.created.Load(), gone})
}

// send publishes what may be lost.
func (p *Peers) send(subject, reply string, message any) bool {
	data, err := json.Marshal(message)
	if err != nil { // ours always marshal
		panic(err)
	}
	return p.publish(subject, reply, data)
}

func (p *Peers) publish(subject, reply string, data []byte) bool {
	if err := p.store.nc.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Data: data}); err != nil {
		p.log.Debug("send to peers", "subject", subject, "err", err)
		return false
	}
	return true
}

// others reports whether a message is another relay's on this stream.
func (p *Peers) others(id string, stream int64) bool {
	return id != p.id && id != "" && stream == p.store.created.Load()
}

func (p *Peers) greeted(m *nats.Msg) {
	var h hello
	if json.Unmarshal(m.Data, &h) != nil || !p.others(h.Relay, h.Stream) {
		return
	}
	p.mu.Lock()
	known := p.seen[h.Relay]
	switch {
	case h.Gone:
		delete(p.seen, h.Relay)
	case known != nil:
		known.heard = time.Now()
	case len(p.seen) >= maxPeers: // nonsense
	default:
		p.seen[h.Relay] = &peer{heard: time.Now()}
		p.company.Store(true)
		clear(p.cache)
	}
	p.mu.Unlock()
	if !h.Gone && known == nil {
		p.greet(false) // it need not wait for the next
	}
}

// asked answers a question, in as many parts as it takes.
func (p *Peers) asked(m *nats.Msg) {
	var q question
	if json.Unmarshal(m.Data, &q) != nil || !p.others(q.Relay, q.Stream) || m.Reply == "" {
		return
	}
	r := reply{Relay: p.id, PID: os.Getpid(), Subscribers: p.local.Subscribers(), UptimeMS: time.Since(p.started).Milliseconds()}
	var lines []byte
	for channel, n := range p.numbers(&q) {
		if len(lines) >= maxPart {
			p.reply(m.Reply, r, lines)
			lines = lines[:0]
			if r.Part++; r.Part == maxParts-1 {
				p.log.Warn("too many channels to tell a peer of")
				break
			}
		}
		lines = append(append(append(lines, escape(channel)...), ' '), strconv.Itoa(n)...)
		lines = append(lines, '\n')
	}
	r.Last = true
	p.reply(m.Reply, r, lines)
}

func (p *Peers) reply(inbox string, r reply, lines []byte) {
	head, err := json.Marshal(r)
	if err != nil { // ours always marshal
		panic(err)
	}
	p.publish(inbox, "", append(append(head, '\n'), lines...))
}

// numbers are those of the channels that have subscribers.
func (p *Peers) numbers(q *question) map[string]int {
	switch {
	case q.All && len(q.Under) == 0:
		return p.local.Watched(nil)
	case q.All:
		under := string(q.Under)
		return p.local.Watched(func(id string) bool { return strings.HasPrefix(id, under) })
	}
	found := make(map[string]int)
	for _, escaped := range q.Channels {
		if channel, ok := unescape(escaped); ok {
			if s, ok := p.local.Channel(channel); ok && s.Subscribers > 0 {
				found[channel] = s.Subscribers
			}
		}
	}
	return found
}

func (p *Peers) answered(m *nats.Msg) {
	var got part
	head, lines, _ := bytes.Cut(m.Data, []byte("\n"))
	if json.Unmarshal(head, &got.reply) != nil {
		return
	}
	got.lines = string(lines)
	p.mu.Lock()
	ch := p.waiting[strings.TrimPrefix(m.Subject, p.inbox)]
	p.mu.Unlock()
	if ch != nil {
		select {
		case ch <- got:
		default: // nobody reads any more, or it is not from a relay of ours
		}
	}
}

// Alone reports whether there are no other relays. It costs nothing to ask.
func (p *Peers) Alone() bool { return !p.company.Load() }

// Seen is how many other relays there are.
func (p *Peers) Seen() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.present(time.Now()))
}

// present are the relays that were heard of lately.
func (p *Peers) present(now time.Time) []string {
	var ids []string
	for id, peer := range p.seen {
		if now.Sub(peer.heard) > forgetAfter {
			delete(p.seen, id)
			continue
		}
		ids = append(ids, id)
	}
	if len(p.seen) == 0 {
		p.company.Store(false)
	}
	return ids
}
