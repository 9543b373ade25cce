package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// ErrLocked means that another process uses the directory.
var ErrLocked = errors.New("embedded: directory is in use")

var errWouldBlock = errors.New("locked by another process")

// lock is a held lock on a data directory. The system takes it away when the
// process ends, however it ends, so it is never stale.
type lock struct{ file *os.File }

// lockDir takes the lock of the directory, or says who has it.
func lockDir(dir string) (*lock, error) {
	name := filepath.Join(dir, "lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("embedded: data directory %s is not writable: %w", dir, err)
	}
	if err := lockFile(f); err != nil {
		holder := ""
		if pid, _ := io.ReadAll(io.LimitReader(f, 20)); len(pid) > 0 {
			holder = " by process " + strings.TrimSpace(string(pid))
		}
		f.Close()
		if !errors.Is(err, errWouldBlock) {
			return nil, fmt.Errorf("embedded: lock %s: %w", name, err)
		}
		return nil, fmt.Errorf("%w: %s is used%s; stop that process, or choose another data directory for this one", ErrLocked, dir, holder)
	}
	// The process id is for the message above only.
	if err := f.Truncate(0); err == nil {
		fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return &lock{f}, nil
}

func (l *lock) release() error { return l.file.Close() }
