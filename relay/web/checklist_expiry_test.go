package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"alertrelay/relay"
)

// Messages go one by one, each when its own time is up, and the answers tell how
// many are left (checklist 259).
func TestChecklistMessagesGoOneByOne(t *testing.T) {
	t.Parallel()
	const age, apart, n = 2 * time.Second, 300 * time.Millisecond, 4
	limits := func(string) relay.Limits { return relay.Limits{MaxAge: age} }
	s := fromNginx(t, "../conf/testdata/server-a.conf", func(o *setup) { o.hub.Limits, o.store.Limits = limits, limits })
	// Until each number of them was seen: a slow machine may miss some.
	for try := range 5 {
		if seen := s.goOneByOne(t, fmt.Sprintf("a%d", try), n, age, apart); len(seen) == n+1 {
			return
		} else if t.Failed() {
			return
		}
	}
	t.Error("never seen one after the other")
}

// goOneByOne publishes n messages and looks at them until all are gone. It returns
// how many were seen to be left.
func (s *server) goOneByOne(t *testing.T, channel string, n int, age, apart time.Duration) (seen []int) {
	t.Helper()
	var ends []time.Time // of each message
	for i := range n {
		if i > 0 {
			eventually(t, "it is time for the next", func() bool { return time.Since(ends[i-1].Add(-age)) >= apart })
		}
		ends = append(ends, s.put(channel, fmt.Sprint(i)).time.Add(age))
	}
	// left says which must be there and which may be, if it was looked between two times.
	left := func(asked, answered time.Time) (least, most int) {
		for _, end := range ends {
			if answered.Before(end) {
				least++
			}
			if !asked.After(end) {
				most++
			}
		}
		return least, most
	}
	eventually(t, "all are gone", func() bool {
		asked := time.Now()
		r := s.get(t, "GET /po/"+channel+".b100")
		least, most := left(asked, time.Now())
		got := strings.Count(r.body, "{")
		if got < least || got > most {
			t.Fatalf("got %q, want the last %d to %d", r.body, least, most)
		}
		for i := n - got; i < n; i++ { // those that are left are the last ones
			if !strings.Contains(r.body, fmt.Sprintf("{%d,", i+1)) || !strings.Contains(r.body, fmt.Sprintf(",%d}", i)) {
				t.Fatalf("got %q, want the last %d", r.body, got)
			}
		}
		if (got == 0) != (r.status == "304 Not Modified") {
			t.Fatalf("got %s, %q", r.status, r.body)
		}
		asked = time.Now()
		g := s.group(t, channel+"*")
		least, most = left(asked, time.Now())
		if len(g.Infos) != 1 || g.Infos[0].Published != n || g.Infos[0].Stored < least || g.Infos[0].Stored > most {
			t.Fatalf("got %+v, want %d to %d stored", g, least, most)
		}
		if !slices.Contains(seen, got) {
			seen = append(seen, got)
		}
		return got == 0 && g.Infos[0].Stored == 0
	})
	return seen
}

// What has expired is stored no more in any answer, and in no trash (checklist
// 127; in the module it is in the trash).
func TestChecklistCountsOfExpired(t *testing.T) {
	t.Parallel()
	s := nginx(t, `push_stream_message_ttl 1s; server {
		location /stats { push_stream_channels_statistics; push_stream_channels_path $arg_id; }
		location /pub { push_stream_publisher; push_stream_channels_path $arg_id; push_stream_store_messages on; }
	}`)
	if r := s.do(t, "POST /pub?id=a", "m"); !strings.Contains(r.body, `"published_messages": 1, "stored_messages": 1`) {
		t.Errorf("got %s", r.body)
	}
	const one = `{"channel": "a", "published_messages": 1, "stored_messages": 0, "subscribers": 0}`
	eventually(t, "it is expired", func() bool { return s.get(t, "GET /stats?id=a").body == one+"\r\n" })
	if got := s.get(t, "GET /pub?id=a").body; got != one+"\r\n" {
		t.Errorf("got %s", got)
	}
	if got := s.get(t, "GET /stats?id=ALL").body; !strings.Contains(got, one) {
		t.Errorf("got %s", got)
	}
	s.summaryHas(t, `"channels": 1, "wildcard_channels": 0, "published_messages": 1, "stored_messages": 0, "messages_in_trash": 0, `)
}
