package relay

import "sync"

// followers are the subscriptions that read a ring. Most channels never have any:
// of those alerts are in, wildcards are read.
type followers struct {
	mu       sync.Mutex // guards what follows; never held while calling out
	subs     []*Subscription
	gone     int  // how many of subs are closed; less than 0 while some that went are yet to be counted
	told     int  // subscribers that were told of, and have not left
	detached bool // all have left, because the channel was deleted
}

// add adds a subscription; Hub.mu is held.
func (r *ring) add(s *Subscription) {
	f := r.followers.Load()
	if f == nil {
		f = &followers{}
		r.followers.Store(f)
	}
	f.mu.Lock()
	f.subs = append(f.subs, s)
	f.mu.Unlock()
	r.subscribers.Add(1)
}

// remove notes that a subscription is closed. The list is cleared of such only
// when they are the half of it, so that leaving costs the same for all.
func (r *ring) remove() {
	r.subscribers.Add(-1)
	f := r.followers.Load()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone++
	if 2*f.gone < len(f.subs) {
		return
	}
	kept := make([]*Subscription, 0, len(f.subs)/2+1)
	for _, s := range f.subs {
		if !s.closed.Load() {
			kept = append(kept, s)
		}
	}
	// Some of those that went are closing right now and will still be counted.
	f.gone -= len(f.subs) - len(kept)
	f.subs = kept
}

// enter tells of a subscriber.
func (r *ring) enter(e *events) {
	f := r.followers.Load()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.detached {
		f.told++
		e.emit(eventSubscribed, r.name, 0)
	}
}

// leave tells that a subscriber who was told of has left, if that is not known.
func (r *ring) leave(e *events) {
	f := r.followers.Load()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.detached {
		f.told--
		e.emit(eventUnsubscribed, r.name, 0)
	}
}

// detach tells that all have left. Nobody comes any more.
func (r *ring) detach(e *events) {
	f := r.followers.Load()
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.detached = true
	for ; f.told > 0; f.told-- {
		e.emit(eventUnsubscribed, r.name, 0)
	}
}

// wake notifies the subscribers that wait for something to come.
func (r *ring) wake() {
	f := r.followers.Load()
	if f == nil {
		return
	}
	f.mu.Lock()
	subs := f.subs // elements are never overwritten, only appended
	f.mu.Unlock()
	for _, s := range subs {
		s.wakeUp()
	}
}
