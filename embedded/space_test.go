//go:build linux

package embedded

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("a small file system cannot be mounted here:", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "24m")
	var lines logLines
	s := start1(t, Options{Dir: dir, Log: lines.logger()})
	js := connect(t, s)
	makeStream(t, js)

	acked := make(map[uint64]string)
	publish := func(text string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		ack, err := js.Publish(ctx, "s.a", []byte(text), jetstream.WithRetryAttempts(0))
		if err == nil {
			acked[ack.Sequence] = text
		}
		return err
	}
	pad := string(bytes.Repeat([]byte("x"), 1000))
	for i := range 1000 {
		if err := publish(strconv.Itoa(i) + pad); err != nil {
			t.Fatal(err)
		}
	}

	for round := range 2 {
		ballast := filepath.Join(dir, "ballast")
		fill(t, ballast)
		i := 0
		for ; i < 50_000; i++ {
			if err := publish(strconv.Itoa(i) + pad); err != nil {
				t.Logf("round %d: the disk was full after %d more messages: %v", round, i, err)
				break
			}
		}
		if i == 50_000 {
			t.Fatal("publishing went on although the disk is full")
		}
		eventually(t, "publishes fail at once", func() bool {
			begin := time.Now()
			return publish("no") != nil && time.Since(begin) < time.Second
		})
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		eventually(t, "publishing works again", func() bool { return publish("yes") == nil })
	}

	stream, err := js.Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	for seq, want := range acked {
		m, err := stream.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatalf("acknowledged message %d: %v", seq, err)
		}
		if string(m.Data) != want {
			t.Fatalf("acknowledged message %d has changed", seq)
		}
	}
	t.Logf("%d acknowledged messages are there", len(acked))
}

// fill writes until nothing more fits.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 4096; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}
