package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/relay/relaytest"
)

// Promise 1: what was acknowledged survives kill -9, once and in order.
func TestKilledWhilePublishing(t *testing.T) {
	const rounds, publishers = 10, 8
	dir := t.TempDir()
	relay := relaytest.Build(t, "alertrelay")
	config := filepath.Join(dir, "alertrelay.yaml")
	keepAll := "groups: [{match: '>', max_messages: 100000, max_age: 1h}]\n"
	if err := os.WriteFile(config, []byte(keepAll), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := relaytest.FreeAddress(t)
	base := "http://" + addr
	args := []string{"serve", "--config", config, "--data", filepath.Join(dir, "data"), "--listen", addr, "--nats-listen", "", "--log-level", "error"}

	acked := make([][]int, publishers) // by publisher: the numbers that got a 200
	sent := make([]int, publishers)
	for round := range rounds {
		cmd := relaytest.StartProcess(t, relay, base, args)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for p := range publishers {
			wg.Go(func() {
				for ctx.Err() == nil {
					n := sent[p]
					sent[p]++ // never sent again: whether it was stored is not known
					if publish(ctx, base, fmt.Sprint("kill.", p), fmt.Sprint(n)) {
						acked[p] = append(acked[p], n)
					}
				}
			})
		}
		time.Sleep(100*time.Millisecond + rand.N(400*time.Millisecond)) // the moment of death is what varies
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		cancel()
		wg.Wait()
		if len(acked[0]) == 0 {
			t.Fatalf("round %d: nothing was acknowledged", round)
		}
	}

	cmd := relaytest.StartProcess(t, relay, base, args)
	total := 0
	for p := range publishers {
		got := numbers(t, base, fmt.Sprint("kill.", p))
		last, have := -1, make(map[int]bool)
		for _, n := range got {
			if n <= last {
				t.Errorf("publisher %d: %d after %d", p, n, last)
			}
			last, have[n] = n, true
		}
		for _, n := range acked[p] {
			if !have[n] {
				t.Errorf("publisher %d: %d was acknowledged and is lost", p, n)
			}
		}
		total += len(acked[p])
	}
	t.Logf("%d messages acknowledged in %d lives", total, rounds)
	stopRelay(t, cmd)
}

func stopRelay(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("an orderly stop ends with %v", err)
	}
}

// publish reports whether the relay acknowledged the text.
func publish(ctx context.Context, base, channel, text string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/pub?id="+channel, strings.NewReader(text))
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		time.Sleep(5 * time.Millisecond)
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}

// numbers reads all that the channel retains.
func numbers(t *testing.T, base, channel string) []int {
	t.Helper()
	status, body := relaytest.Get(t.Context(), base+"/poll/"+channel+".b100000")
	if status != http.StatusOK {
		t.Fatalf("poll %s: status %d", channel, status)
	}
	var all []int
	for dec := json.NewDecoder(bytes.NewReader(body)); dec.More(); {
		var m struct {
			Text string `json:"text"`
		}
		if err := dec.Decode(&m); err != nil {
			t.Fatal(err)
		}
		var n int
		if _, err := fmt.Sscan(m.Text, &n); err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}
