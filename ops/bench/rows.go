package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// row is one line of the table.
type row struct {
	name, target string
	measure      func(ctx context.Context, b *bench) (measured, reference string, err error)
}

var rows = []row{
	{"1 channel x 1,000 SSE, 20/s: CPU per delivery", "1.2x floor", paced("sse")},
	{"1 channel x 1,000 WebSocket, 20/s: CPU per delivery", "1.2x floor", paced("ws")},
	{"1 channel x 1,000 SSE, flat out: CPU per delivery", "1.5 us", flatOut("sse", 1_000)},
	{"1 channel x 1,000 WebSocket, flat out: CPU per delivery", "1.5 us", flatOut("ws", 1_000)},
	{"1 channel x 10,000 SSE, flat out: CPU per delivery", "1.5 us", flatOut("sse", 10_000)},
	{"1 channel x 10,000 WebSocket, flat out: CPU per delivery", "1.5 us", flatOut("ws", 10_000)},
	{"1,000 channels x 10 SSE, 2,000/s: CPU per delivery", "25 us", manyChannels("sse")},
	{"1,000 channels x 10 WebSocket, 2,000/s: CPU per delivery", "25 us", manyChannels("ws")},
	{"10,000 idle SSE: memory each", "5 KB", idle("sse")},
	{"10,000 idle WebSocket: memory each", "13 KB", idle("ws")},
	{"HTTP publish, 64 publishers", "1.5x nats.go", publish},
	{"4,000 stuck SSE subscribers: memory each", "20 KB", stuck},
}

// fanout runs the generator against a fresh server.
func (b *bench) fanout(ctx context.Context, args ...string) (*report, error) {
	s, err := b.start(ctx, "")
	if err != nil {
		return nil, err
	}
	r, err := b.generate(ctx, append([]string{"fanout", "--base", s.base, "--pid", strconv.Itoa(s.cmd.Process.Pid)}, args...)...)
	if stopErr := s.stop(); err == nil {
		err = stopErr
	}
	return r, err
}

func (b *bench) floor(ctx context.Context, args ...string) (*report, error) {
	return b.generate(ctx, append([]string{"floor", "--server-cpu", serverCPU}, args...)...)
}

func paced(proto string) func(context.Context, *bench) (string, string, error) {
	return func(ctx context.Context, b *bench) (string, string, error) {
		load := []string{"--subs", "1000", "--rate", "20", "--size", "200", "--duration", "10s"}
		before, err := b.floor(ctx, load...)
		if err != nil {
			return "", "", err
		}
		r, err := b.fanout(ctx, append(load, "--proto", proto)...)
		if err != nil {
			return "", "", err
		}
		after, err := b.floor(ctx, load...)
		if err != nil {
			return "", "", err
		}
		floor := (before.CPUPerMillion + after.CPUPerMillion) / 2
		return fmt.Sprintf("%.1f us, %.2fx%s", r.CPUPerMillion, r.CPUPerMillion/floor, r.broken()),
			fmt.Sprintf("floor %.1f us (%.1f, %.1f)", floor, before.CPUPerMillion, after.CPUPerMillion), nil
	}
}

func flatOut(proto string, subs int) func(context.Context, *bench) (string, string, error) {
	return func(ctx context.Context, b *bench) (string, string, error) {
		load := []string{"--subs", strconv.Itoa(subs), "--rate", "max", "--size", "200", "--duration", "10s"}
		floor, err := b.floor(ctx, append(load, "--batch", "16")...)
		if err != nil {
			return "", "", err
		}
		r, err := b.fanout(ctx, append(load, "--proto", proto, "--drain", "10s")...)
		if err != nil {
			return "", "", err
		}
		return fmt.Sprintf("%.2f us (%.2f M/s)%s", r.CPUPerMillion, r.PerSec/1e6, r.broken()),
			fmt.Sprintf("floor, 16 a write: %.2f us", floor.CPUPerMillion), nil
	}
}

func manyChannels(proto string) func(context.Context, *bench) (string, string, error) {
	return func(ctx context.Context, b *bench) (string, string, error) {
		r, err := b.fanout(ctx, "--subs", "10000", "--channels", "1000", "--rate", "2000", "--size", "200", "--duration", "10s", "--proto", proto)
		if err != nil {
			return "", "", err
		}
		return fmt.Sprintf("%.1f us, p50 %.1f ms, p99 %.1f ms%s", r.CPUPerMillion, r.Latency.P50/1e3, r.Latency.P99/1e3, r.broken()), "", nil
	}
}

// idle measures when all have connected, and again when they have only waited for
// a while: reading so many requests costs memory that is given back then.
func idle(proto string) func(context.Context, *bench) (string, string, error) {
	return func(ctx context.Context, b *bench) (measured, reference string, err error) {
		const count, hold, settled = 10_000, "20s", 15 * time.Second
		s, err := b.start(ctx, "")
		if err != nil {
			return "", "", err
		}
		pid := s.cmd.Process.Pid
		before, err := rss(pid)
		if err != nil {
			return "", "", errors.Join(err, s.stop())
		}
		var after int64
		var afterErr error
		// Connecting takes seconds; the generator holds for longer than this waits.
		timer := time.AfterFunc(settled, func() { after, afterErr = rss(pid) })
		defer timer.Stop()
		r, err := b.generate(ctx, "connect", "--base", s.base, "--pid", strconv.Itoa(pid), "--proto", proto, "--subs", strconv.Itoa(count), "--hold", hold)
		if err := errors.Join(err, s.stop(), afterErr); err != nil {
			return "", "", err
		}
		return fmt.Sprintf("%.1f KB", float64(after-before)/count), fmt.Sprintf("%.1f KB just after connecting", r.RSSPerConn), nil
	}
}

// publish compares publishing over HTTP with nats.go doing the same, both with
// 64 at a time and both waiting for every acknowledgement.
func publish(ctx context.Context, b *bench) (measured, reference string, err error) {
	s, err := b.start(ctx, "")
	if err != nil {
		return "", "", err
	}
	defer func() {
		if stopErr := s.stop(); err == nil {
			err = stopErr
		}
	}()
	r, err := b.generate(ctx, "publish", "--base", s.base, "--pid", strconv.Itoa(s.cmd.Process.Pid), "--publishers", "64", "--size", "200", "--duration", "5s")
	if err != nil {
		return "", "", err
	}
	perSec, err := publishNATS(ctx, s.nats, 64, 5*time.Second)
	if err != nil {
		return "", "", err
	}
	return fmt.Sprintf("%.0f/s, %.2fx%s", r.PublishPerSec, perSec/r.PublishPerSec, r.broken()), fmt.Sprintf("nats.go %.0f/s", perSec), nil
}

func publishNATS(ctx context.Context, addr string, publishers int, d time.Duration) (perSec float64, err error) {
	nc, err := nats.Connect("nats://" + addr)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var wg sync.WaitGroup
	var n atomic.Int64
	text := []byte(strings.Repeat("x", 200))
	start := time.Now()
	for i := range publishers {
		subject := "alerts.bench" + strconv.Itoa(i)
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := js.Publish(ctx, subject, text); err == nil {
					n.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(start).Seconds(), nil
}

// rss is the resident memory of a process in KB.
func rss(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		}
	}
	return 0, fmt.Errorf("no VmRSS of process %d", pid)
}
