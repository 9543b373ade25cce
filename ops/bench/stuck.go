package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"
)

// stuck measures what subscribers cost that never read, while 100 others on the
// same channel are served at 500 messages a second, and whether those notice.
func stuck(ctx context.Context, b *bench) (measured, reference string, err error) {
	const count = 4_000
	// With a small buffer, so that what it holds does not grow meanwhile.
	s, err := b.start(ctx, "storage: {buffer: 4MiB}\n")
	if err != nil {
		return "", "", err
	}
	defer func() {
		if stopErr := s.stop(); err == nil {
			err = stopErr
		}
	}()
	pid := s.cmd.Process.Pid
	load := []string{
		"fanout", "--base", s.base, "--pid", strconv.Itoa(pid), "--chan", "stuck{i}", "--proto", "sse",
		"--subs", "100", "--rate", "500", "--size", "1000", "--duration", "5s",
	}
	var alone *report
	for range 3 { // until the buffers of the relay and of the store have their size
		if alone, err = b.generate(ctx, load...); err != nil {
			return "", "", err
		}
	}
	before, err := rss(pid)
	if err != nil {
		return "", "", err
	}
	for range count {
		conn, err := stuckSubscriber(ctx, s.base[len("http://"):])
		if err != nil {
			return "", "", err
		}
		defer conn.Close()
	}
	if _, err := b.generate(ctx, load...); err != nil { // fills their sockets
		return "", "", err
	}
	r, err := b.generate(ctx, load...)
	if err != nil {
		return "", "", err
	}
	after, err := rss(pid)
	if err != nil {
		return "", "", err
	}
	return fmt.Sprintf("%.1f KB, p99 of the others %.1f ms%s", float64(after-before)/count, r.Latency.P99/1e3, r.broken()),
		fmt.Sprintf("p99 without them %.1f ms", alone.Latency.P99/1e3), nil
}

// stuckSubscriber subscribes and never reads; its small receive buffer is full
// soon.
func stuckSubscriber(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(conn, "GET /ev/stuck0 HTTP/1.1\r\nHost: bench\r\n\r\n")
	return conn, err
}
