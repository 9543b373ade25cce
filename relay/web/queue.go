package web

import "sync"

// queue has the subscribers that something is to be written to, each once, in
// the order they were woken.
type queue struct {
	mu     sync.Mutex // guards what follows
	more   sync.Cond
	ready  []*subscriber
	head   int
	closed bool
}

func newQueue() *queue {
	q := &queue{}
	q.more.L = &q.mu
	return q
}

func (q *queue) push(c *subscriber) {
	q.mu.Lock()
	q.ready = append(q.ready, c)
	q.mu.Unlock()
	q.more.Signal()
}

// pop fills batch with the next subscribers, at least one; it waits for it. It
// returns none when the queue is closed.
func (q *queue) pop(batch []*subscriber) []*subscriber {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.head == len(q.ready) {
		if q.closed {
			return nil
		}
		q.more.Wait()
	}
	n := copy(batch, q.ready[q.head:])
	clear(q.ready[q.head : q.head+n])
	q.head += n
	switch {
	case q.head == len(q.ready):
		q.ready, q.head = q.ready[:0], 0
	case q.head >= 4096 && 2*q.head >= len(q.ready):
		left := copy(q.ready, q.ready[q.head:])
		clear(q.ready[left:])
		q.ready, q.head = q.ready[:left], 0
	}
	return batch[:n]
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.more.Broadcast()
}
