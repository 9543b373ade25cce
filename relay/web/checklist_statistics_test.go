package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"alertrelay/relay"
	"alertrelay/relay/site"
)

// group is an answer about several channels.
type group struct {
	Channels int `json:"channels"`
	Prefixed int `json:"wildcard_channels"`
	Infos    []struct {
		Channel     string `json:"channel"`
		Published   int    `json:"published_messages"`
		Stored      int    `json:"stored_messages"`
		Subscribers int    `json:"subscribers"`
	} `json:"infos"`
}

func (g group) ids() []string {
	ids := []string{}
	for _, info := range g.Infos {
		ids = append(ids, info.Channel)
	}
	return ids
}

func (s *server) group(t *testing.T, id string) (g group) {
	t.Helper()
	r := s.get(t, "GET /stats?id="+id)
	if err := json.Unmarshal([]byte(r.body), &g); err != nil || r.status != "200 OK" {
		t.Fatalf("%s: got %s, %v", id, r.status, err)
	}
	return g
}

// Groups by prefix, of both kinds of channels, in the order in which they were
// created (checklist 108, 112, 121, 122, 131).
func TestChecklistStatisticsGroups(t *testing.T) {
	t.Parallel()
	s := serverA(t)
	if g := s.group(t, "ALL"); g.Channels != 0 || g.Prefixed != 0 || len(g.Infos) != 0 { // 108
		t.Errorf("got %+v", g)
	}
	if r := s.get(t, "GET /stats"); !strings.Contains(r.body, `"channels": 0, "wildcard_channels": 0, "published_messages": 0`) { // 112
		t.Errorf("got %s", r.body)
	}
	created := []string{"b", "bd_2", "a", "bd_1", "bd", "c"}
	for _, channel := range created {
		s.say(channel, "m")
	}
	for id, want := range map[string][]string{
		"ALL":             created,
		"*":               created,                     // 121
		"bd_*":            {"bd_2", "bd_1"},            // 122
		"b*":              {"b", "bd_2", "bd_1", "bd"}, // 120, both kinds
		"bd_1*":           {"bd_1"},                    // 122
		"c/missing/a":     {"c", "a"},                  // 131
		"bd_1/missing/bd": {"bd_1", "bd"},              // 131
	} {
		g := s.group(t, id)
		if got := g.ids(); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
		if g.Channels != 4 || g.Prefixed != 2 {
			t.Errorf("%s: got %d and %d channels", id, g.Channels, g.Prefixed)
		}
	}
}

// Statistics of 20,000 channels, all and by prefix (checklist 118, 124).
func TestChecklistManyChannels(t *testing.T) {
	t.Parallel()
	s := newServer(t, []site.Location{at(site.ModeStatistics, "/stats")})
	const n, publishers = 20_000, 32
	g, ctx := errgroup.WithContext(t.Context())
	for first := range publishers {
		g.Go(func() error { return s.sayEach(ctx, first, n, publishers) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all channels are there", func() bool { return s.hub.ChannelCount() == n })
	all := s.group(t, "ALL")
	if all.Channels != n || len(all.Infos) != n {
		t.Fatalf("got %d channels, told of %d", all.Channels, len(all.Infos))
	}
	seen := make(map[string]bool, n)
	for _, info := range all.Infos {
		seen[info.Channel] = true
		if info.Published != 1 || info.Stored != 1 || info.Subscribers != 0 {
			t.Fatalf("got %+v", info)
		}
	}
	if len(seen) != n {
		t.Errorf("got %d different channels", len(seen))
	}
	hits := s.group(t, "ch2*").ids()
	if len(hits) != 1111 || slices.ContainsFunc(hits, func(id string) bool { return !strings.HasPrefix(id, "ch2") }) {
		t.Errorf("got %d channels by prefix, want 1111: 2, 20 to 29, 200 to 299, 2000 to 2999", len(hits))
	}
}

// sayEach publishes to every step-th of n channels.
func (s *server) sayEach(ctx context.Context, first, n, step int) error {
	for i := first; i < n; i += step {
		if _, err := s.store.Publish(ctx, relay.Publication{Channel: fmt.Sprintf("ch%d", i), Text: []byte("m")}); err != nil {
			return err
		}
	}
	return nil
}
