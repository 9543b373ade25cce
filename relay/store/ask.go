package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"alertrelay/relay"
)

const (
	askTimeout    = 300 * time.Millisecond
	askAllTimeout = time.Second            // for all channels, if parts keep coming
	askRest       = 100 * time.Millisecond // for others, or other parts, after something has come
	cacheFor      = time.Second
	cacheSize     = 1024
)

// cached is an answer that is known, or being asked for until done is closed.
type cached struct {
	done  chan struct{}
	until time.Time // guarded by Peers.mu
	stats []relay.PeerStats
}

// Stats asks the other relays for their subscribers, in all and of the channels.
// It takes 300 ms at most, and no time at all if there are no others. The answer is shared: do not change it.
func (p *Peers) Stats(ctx context.Context, channels ...string) []relay.PeerStats {
	if p.Alone() {
		return nil
	}
	var all []relay.PeerStats
	for first := true; first || len(channels) > 0; first = false {
		q, size, n := question{}, 0, 0
		for n < len(channels) && size < maxPart {
			escaped := escape(channels[n])
			q.Channels = append(q.Channels, escaped)
			size += len(escaped) + 3
			n++
		}
		channels = channels[n:]
		stats := p.cached(ctx, strings.Join(q.Channels, " "), q)
		if all = merge(all, stats); len(stats) == 0 {
			break // nobody, or nobody in time
		}
	}
	return all
}

// merge adds a second answer, to a question about other channels.
func merge(all, more []relay.PeerStats) []relay.PeerStats {
	if all == nil {
		return more
	}
	one := relay.PeerStats{Channels: make(map[string]int)}
	for _, stats := range [][]relay.PeerStats{all, more} {
		for i := range stats {
			for channel, n := range stats[i].Channels {
				one.Channels[channel] += n
			}
		}
	}
	merged := slices.Clone(more)
	for i := range merged {
		merged[i].Channels = nil
	}
	if len(merged) > 0 {
		merged[0].Channels = one.Channels
	}
	return merged
}

// Watched is how many subscribers the channels have at other relays, those of
// them that have any. It takes as long as Stats. The error is relay.ErrUnavailable
// if a relay that was heard of lately has not answered.
func (p *Peers) Watched(ctx context.Context, channels ...string) (map[string]int, error) {
	sum := make(map[string]int)
	all := p.Stats(ctx, channels...)
	if seen := p.Seen(); len(all) < seen {
		return nil, fmt.Errorf("store: %w: %d of %d other relays answer", relay.ErrUnavailable, len(all), seen)
	}
	for _, stats := range all {
		for channel, n := range stats.Channels {
			sum[channel] += n
		}
	}
	return sum, nil
}

// StatsUnder is Stats for all channels whose ids begin with prefix. It may take a
// second.
func (p *Peers) StatsUnder(ctx context.Context, prefix string) []relay.PeerStats {
	if p.Alone() {
		return nil
	}
	return p.cached(ctx, "> "+prefix, question{All: true, Under: []byte(prefix)})
}

// cached asks unless the answer is known or is being asked for.
func (p *Peers) cached(ctx context.Context, what string, q question) []relay.PeerStats {
	now, key := time.Now(), sha256.Sum256(binary.BigEndian.AppendUint64([]byte(what), p.local.Ends()))
	p.mu.Lock()
	expected := p.expected(now)
	if len(expected) == 0 {
		p.mu.Unlock()
		return nil
	}
	c := p.cache[key]
	asking := c == nil || !c.until.IsZero() && now.After(c.until)
	if asking {
		p.prune(now)
		c = &cached{done: make(chan struct{})}
		p.cache[key] = c
	}
	p.mu.Unlock()
	if asking {
		c.stats = p.ask(q, expected)
		p.mu.Lock()
		c.until = time.Now().Add(cacheFor)
		p.mu.Unlock()
		close(c.done)
	}
	select {
	case <-c.done:
		return c.stats
	case <-ctx.Done():
		return nil
	}
}

// prune forgets answers that are too old, and more if there are too many.
func (p *Peers) prune(now time.Time) {
	maps.DeleteFunc(p.cache, func(_ [sha256.Size]byte, c *cached) bool { return !c.until.IsZero() && now.After(c.until) })
	if len(p.cache) >= cacheSize {
		clear(p.cache)
	}
}

// expected are the relays that are worth waiting for.
func (p *Peers) expected(now time.Time) map[string]bool {
	ids := make(map[string]bool)
	for _, id := range p.present(now) {
		if now.After(p.seen[id].late) {
			ids[id] = true
		}
	}
	return ids
}

// collected is what has come of a peer's answer.
type collected struct {
	relay.PeerStats
	parts, want int // want is 0 until the last part has come
}

func (c *collected) complete() bool { return c != nil && c.want > 0 && c.parts >= c.want }

func (c *collected) add(p *part) {
	c.PID, c.Subscribers, c.Uptime = p.PID, p.Subscribers, time.Duration(p.UptimeMS)*time.Millisecond
	if c.parts++; p.Last {
		c.want = p.Part + 1
	}
	if c.Channels == nil {
		c.Channels = make(map[string]int, strings.Count(p.lines, "\n"))
	}
	for line := range strings.Lines(p.lines) {
		// From its end: a channel may have a space in it that is not ASCII.
		i := strings.LastIndexByte(line, ' ')
		if i < 0 {
			continue
		}
		n, err := strconv.Atoi(line[i+1 : len(line)-1])
		if channel, ok := unescape(line[:i]); ok && err == nil {
			c.Channels[channel] = n
		}
	}
}

// ask asks all, and waits for those who are expected.
func (p *Peers) ask(q question, expected map[string]bool) []relay.PeerStats {
	q.Relay, q.Stream = p.id, p.store.created.Load()
	ch := make(chan part, 4*maxParts)
	p.mu.Lock()
	p.next++
	token := strconv.FormatUint(p.next, 36)
	p.waiting[token] = ch
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.waiting, token)
		p.mu.Unlock()
	}()
	if !p.send(p.subject("stats"), p.inbox+token, q) {
		return nil
	}
	timeout := askTimeout
	if q.All {
		timeout = askAllTimeout
	}
	got := collect(ch, expected, timeout)
	p.late(expected, got)
	ids := make([]string, 0, len(got))
	for id, c := range got {
		if c.complete() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	stats := make([]relay.PeerStats, len(ids))
	for i, id := range ids {
		stats[i] = got[id].PeerStats
	}
	return stats
}

// collect takes answers until all who are expected have given theirs, or it is
// time.
func collect(ch <-chan part, expected map[string]bool, timeout time.Duration) map[string]*collected {
	got := make(map[string]*collected)
	missing := len(expected)
	all, rest := time.NewTimer(timeout), time.NewTimer(askTimeout)
	defer all.Stop()
	defer rest.Stop()
	for missing > 0 {
		select {
		case p := <-ch:
			c := got[p.Relay]
			if c == nil {
				c = &collected{}
				got[p.Relay] = c
			}
			was := c.complete()
			if c.add(&p); c.complete() && !was && expected[p.Relay] {
				missing--
			}
			rest.Reset(askRest)
		case <-rest.C:
			return got
		case <-all.C:
			return got
		}
	}
	return got
}

// late notes who has not answered.
func (p *Peers) late(expected map[string]bool, got map[string]*collected) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range expected {
		if peer := p.seen[id]; peer != nil && !got[id].complete() {
			peer.late = time.Now().Add(lateFor)
			p.log.Debug("a peer does not answer", "peer", id)
		}
	}
}
