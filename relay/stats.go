package relay

import (
	"context"
	"slices"
	"time"
)

// Channel returns the statistics of a channel; ok is false if there is none.
func (h *Hub) Channel(id string) (s ChannelStats, ok bool) {
	h.mu.Lock()
	r, pos := h.channels[id], h.pos
	h.mu.Unlock()
	if r == nil {
		return ChannelStats{}, false
	}
	return r.stats(time.Now(), pos), true
}

// Channels returns the statistics of the channels that match, in order of their
// creation. A nil match takes all.
func (h *Hub) Channels(match func(id string) bool) []ChannelStats {
	h.mu.Lock()
	pos := h.pos
	var rings []*ring
	for id, r := range h.channels {
		if match == nil || match(id) {
			rings = append(rings, r)
		}
	}
	h.mu.Unlock()
	slices.SortFunc(rings, func(a, b *ring) int {
		if a.created < b.created {
			return -1
		}
		return 1
	})
	now := time.Now()
	all := make([]ChannelStats, len(rings))
	for i, r := range rings {
		all[i] = r.stats(now, pos)
	}
	return all
}

func (r *ring) stats(now time.Time, pos uint64) ChannelStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now, pos)
	return ChannelStats{
		Channel: r.name, Published: r.published, Stored: r.stored + r.cold,
		Subscribers: int(r.subscribers.Load()),
	}
}

// Stats returns the statistics of the whole relay. It looks at every channel.
func (h *Hub) Stats() Stats {
	var stored uint64
	channels := h.Channels(nil)
	for i := range channels {
		if channels[i].Channel != h.opts.EventsChannel {
			stored += channels[i].Stored
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return Stats{
		Channels: len(channels), Published: h.published, Stored: stored,
		Subscribers: int(h.subscribers.Load()),
	}
}

// Counts returns what should outlive a restart, for every channel.
func (h *Hub) Counts() []ChannelState {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]ChannelState, 0, len(h.channels))
	for id, r := range h.channels {
		r.mu.RLock()
		if r.published > 0 || h.events != nil && r.born > 0 {
			all = append(all, ChannelState{Channel: id, Published: r.published, LastSeq: r.last()})
		}
		r.mu.RUnlock()
	}
	return all
}

const sweepInterval = 2 * time.Second

// Run removes what has expired and channels that are idle, until ctx ends; then
// it returns nil. Nothing else expires channels, but expired messages are never
// replayed even so.
func (h *Hub) Run(ctx context.Context) error {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			h.sweep(now)
		case <-ctx.Done():
			return nil
		}
	}
}

func (h *Hub) sweep(now time.Time) {
	inactivity := h.settings.Load().Inactivity
	shared := h.events != nil || h.opts.Shared != nil && h.opts.Shared()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ready.Load() {
		return
	}
	for id, r := range h.channels {
		r.mu.Lock()
		r.expire(now, h.pos)
		idle := r.idle(now, inactivity)
		last := r.last()
		r.mu.Unlock()
		switch {
		case !idle || id == h.opts.EventsChannel:
		case !shared || r.born == 0:
			delete(h.channels, id)
			h.counted(id, -1)
		case len(h.idle) < maxIdle && now.Sub(time.Unix(r.tried, 0)).Abs() > idleRepeat:
			r.tried = now.Unix()
			h.idle = append(h.idle, idleChannel{id, last})
		}
	}
	if len(h.idle) > 0 {
		select {
		case h.idleWake <- struct{}{}:
		default:
		}
	}
	h.forgetFrames(now)
	for id, e := range h.endings {
		if now.Sub(e.at) >= destroyedDelay {
			h.tellEnd(id)
		}
	}
	for name, w := range h.wildcards {
		w.mu.Lock()
		idle := w.idle(now, inactivity)
		w.mu.Unlock()
		if idle {
			h.dropWildcard(name, w)
		}
	}
}

// idle reports whether nobody would miss the ring.
func (r *ring) idle(now time.Time, inactivity time.Duration) bool {
	return r.subscribers.Load() == 0 && r.stored+r.cold == 0 && r.active.Add(inactivity).Before(now)
}

func (h *Hub) dropWildcard(name string, w *ring) {
	delete(h.wildcards, name)
	other := func(x *ring) bool { return x == w }
	for _, r := range h.channels {
		r.wildcards = slices.DeleteFunc(slices.Clone(r.wildcards), other)
	}
}

// Subscribers is how many subscriptions are open.
func (h *Hub) Subscribers() int { return int(h.subscribers.Load()) }

// Ends counts the channels that have ended in the stream, deleted or idle. What
// was known of subscribers before it grew may be of a channel that is no more.
func (h *Hub) Ends() uint64 { return h.ends.Load() }

// Watched says how many subscribers channels have, of those that have any. A nil
// match takes all.
func (h *Hub) Watched(match func(id string) bool) map[string]int {
	h.mu.Lock()
	var rings []*ring
	for _, r := range h.channels {
		if r.subscribers.Load() > 0 {
			rings = append(rings, r)
		}
	}
	h.mu.Unlock()
	all := make(map[string]int, len(rings))
	for _, r := range rings {
		if match == nil || match(r.name) {
			all[r.name] = int(r.subscribers.Load())
		}
	}
	return all
}

// ChannelCount is how many channels exist now.
func (h *Hub) ChannelCount() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.channels)
}

// Applied is the sequence up to which the stream is in the rings.
func (h *Hub) Applied() uint64 { return h.applied.seq.Load() }

// PublishedCount is how many messages came since the start.
func (h *Hub) PublishedCount() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.published
}
