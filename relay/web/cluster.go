package web

import (
	"context"
	"slices"
	"strings"

	"alertrelay/relay"
)

// alone reports whether this relay's numbers are all there are.
func (s *Server) alone() bool { return s.opts.Peers == nil || s.opts.Peers.Alone() }

// channels are the statistics of those channels that exist, in the order of reqs.
// Messages are the same at all relays, subscribers are added up. A channel may
// exist only for the subscribers of another relay.
func (s *Server) channels(ctx context.Context, reqs []relay.Request) []relay.ChannelStats {
	var elsewhere map[string]int
	if !s.alone() {
		ids := make([]string, len(reqs))
		for i := range reqs {
			ids[i] = reqs[i].Channel
		}
		elsewhere = subscribersOf(s.opts.Peers.Stats(ctx, ids...))
	}
	var found []relay.ChannelStats
	for i := range reqs {
		stats, ok := s.hub.Channel(reqs[i].Channel)
		others := elsewhere[reqs[i].Channel]
		if !ok && others == 0 {
			continue
		}
		stats.Channel = reqs[i].Channel
		stats.Subscribers += others
		found = append(found, stats)
	}
	return found
}

// channelsUnder are the statistics of all channels whose ids begin with prefix:
// in order of their creation, and behind them those that exist only for
// subscribers of other relays.
func (s *Server) channelsUnder(ctx context.Context, prefix string) []relay.ChannelStats {
	found := s.hub.Channels(func(id string) bool { return strings.HasPrefix(id, prefix) })
	if s.alone() {
		return found
	}
	elsewhere := subscribersOf(s.opts.Peers.StatsUnder(ctx, prefix))
	for i := range found {
		found[i].Subscribers += elsewhere[found[i].Channel]
		delete(elsewhere, found[i].Channel)
	}
	here := len(found)
	for channel, n := range elsewhere {
		found = append(found, relay.ChannelStats{Channel: channel, Subscribers: n})
	}
	slices.SortFunc(found[here:], func(a, b relay.ChannelStats) int { return strings.Compare(a.Channel, b.Channel) })
	return found
}

// subscribersOf adds up what peers have.
func subscribersOf(peers []relay.PeerStats) map[string]int {
	sum := make(map[string]int)
	for i := range peers {
		for channel, n := range peers[i].Channels {
			sum[channel] += n
		}
	}
	return sum
}
