package web_test

import (
	"encoding/json"
	"testing"
	"time"
)

// Uptime is whole seconds since the start, in the answer for all channels, in the
// summary and for each worker (checklist 125, 126).
func TestChecklistUptime(t *testing.T) {
	t.Parallel()
	before := time.Now()
	s := serverA(t)
	started := time.Now()
	s.say("a", "m")
	type uptimes struct {
		Uptime  int
		Workers []struct{ Uptime int } `json:"by_worker"`
	}
	ask := func(request string) int {
		t.Helper()
		asked := time.Now()
		r := s.get(t, request)
		answered := time.Now()
		var u uptimes
		if err := json.Unmarshal([]byte(r.body), &u); err != nil {
			t.Fatalf("%s: %v in %s", request, err, r.body)
		}
		all := []int{u.Uptime}
		for _, w := range u.Workers {
			all = append(all, w.Uptime)
		}
		if want := map[string]int{"GET /stats": 2, "GET /stats?id=ALL": 1}[request]; len(all) != want {
			t.Errorf("%s: got %s", request, r.body)
		}
		for _, got := range all {
			if least, most := int(asked.Sub(started).Seconds()), int(answered.Sub(before).Seconds()); got < least || got > most {
				t.Errorf("%s: got uptime %d, want %d to %d", request, got, least, most)
			}
		}
		return u.Uptime
	}
	ask("GET /stats?id=ALL")
	ask("GET /stats")
	eventually(t, "two seconds are over", func() bool { return time.Since(started) >= 2*time.Second })
	for _, request := range []string{"GET /stats?id=ALL", "GET /stats"} {
		if got := ask(request); got < 2 {
			t.Errorf("%s: got uptime %d after two seconds", request, got)
		}
	}
}
