//go:build !linux

package web

import (
	"net"
	"time"
)

// tune does nothing: only Linux has what is wanted. Keep-alive probes and full
// socket buffers end dead connections here.
func tune(*net.TCPConn, time.Duration) error { return nil }
