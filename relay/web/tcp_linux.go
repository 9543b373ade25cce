package web

import (
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// maxUnsent bounds what the kernel takes and has not sent. Without it a client that
// reads slowly but steadily has megabytes before it, and frees room for more only
// every few minutes.
const maxUnsent = 128 << 10

// tune has the kernel end a connection whose peer has acknowledged nothing of what
// was sent for so long: a host that was switched off takes small pings into the
// socket's buffer for hours (RFC 5482). And it bounds that buffer.
func tune(c *net.TCPConn, timeout time.Duration) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var opt error
	if err := raw.Control(func(fd uintptr) {
		opt = errors.Join(
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout.Milliseconds())),
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent),
		)
	}); err != nil {
		return err
	}
	return opt
}
