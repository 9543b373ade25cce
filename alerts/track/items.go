package track

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unique"

	"alertrelay/alerts"
	"alertrelay/relay"
)

// recentTime is how long an alert is still told of after it has ended.
const recentTime = 15 * time.Minute

// item is what is known of an alert in one channel: what its last event says, in
// the order of the stream, and what the bucket says. There may be tens of thousands.
type item struct {
	channel string
	id      string // the end of channel
	source  string
	status  alerts.Status
	updated stamp // the event's UpdatedAt, or when the channel was deleted
	since   stamp // when known and the event were first seen to differ
	labels  labels
	entry   *relay.Entry
	seq     uint64 // of the event, or of the deletion; 0: none has been read
	known   known
	silent  bool // it has moved or was deleted: it is not told of
}

// known is what the bucket says of an alert beside its event.
type known struct {
	revision           uint64 // 0: it has no record
	eventSeq           uint64
	lastSeen           stamp
	staleAt, expiresAt stamp
	firedAt            stamp
	saidAt, keptAt     stamp
	endedAt            stamp
	receiver, groupKey string
	gone               bool // the record was taken away: the rest is of an incident before
	pinned             bool
}

// stamp is a time in a third of the memory: the microseconds since 1970, 0 meaning
// the zero time.
type stamp int64

func stampOf(t time.Time) stamp {
	if t.IsZero() {
		return 0
	}
	return stamp(t.UnixMicro())
}

func (s stamp) time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(s)).UTC()
}

// record is what of a Record is known.
func (k *known) record() *Record {
	if k.gone {
		return &Record{}
	}
	r := &Record{
		EventSeq: k.eventSeq, LastSeen: k.lastSeen.time(), StaleAt: k.staleAt.time(), ExpiresAt: k.expiresAt.time(),
		FiredAt: k.firedAt.time(), KeptAt: k.keptAt.time(), EndedAt: k.endedAt.time(), Pinned: k.pinned,
	}
	r.ReportedAt, r.Receiver, r.GroupKey = k.saidAt.time(), k.receiver, k.groupKey
	return r
}

// group is a sender's group of alerts.
type group struct{ source, receiver, key string }

func (it *item) group() group { return group{it.source, it.known.receiver, it.known.groupKey} }

// active reports whether the alert is on the screens.
func (it *item) active() bool { return it.status.Active() }

// value is the value of a label, and of "source" and "status".
func (it *item) value(name string) string {
	value, ok := it.labels.value(name)
	switch {
	case ok:
		return value
	case name == "source":
		return it.source
	case name == "status":
		return string(it.status)
	}
	return ""
}

// isReady reports whether what is firing is known.
func (t *Tracker) isReady() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.ready
}

// Ready reports whether what is firing is known. Until it is, Record, List and
// Acknowledge answer relay.ErrNotReady, and there are no snapshots.
func (t *Tracker) Ready() bool { return t.isReady() }

// record is what is known of a channel's record; zero if nothing is.
func (t *Tracker) record(channel string) known {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if it := t.items[channel]; it != nil {
		return it.known
	}
	return known{}
}

// remembered is what is in memory of a channel: not necessarily what is so now.
func (t *Tracker) remembered(channel string) state {
	t.mu.RLock()
	it := t.items[channel]
	if it == nil || it.entry == nil {
		t.mu.RUnlock()
		return state{}
	}
	seq, entry, known := it.seq, it.entry, it.known
	t.mu.RUnlock()
	if entry.Message().Seq != seq { // the channel was deleted, or the stream is another
		return state{}
	}
	s := newState(*entry.Message())
	s.recall(&known)
	return s
}

// deleted reports whether a channel was deleted after the event of this sequence.
func (t *Tracker) deleted(channel string, seq uint64) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	it := t.items[channel]
	return it != nil && it.seq >= seq && !it.active()
}

// isActive reports whether an alert is active in a channel.
func (t *Tracker) isActive(channel string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	it := t.items[channel]
	return it != nil && it.active()
}

// activeChannels are the channels where an alert is active.
func (t *Tracker) activeChannels(id string) []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var channels []string
	for _, it := range t.byID[id] {
		if it.active() {
			channels = append(channels, it.channel)
		}
	}
	return channels
}

// Load takes a message that was there at the start, as relay/store's Sink says.
func (t *Tracker) Load(m relay.Message) { t.Append(m) }

// Append takes the next message of the stream.
func (t *Tracker) Append(m relay.Message) {
	e, ok := eventOf(&m)
	t.mu.Lock()
	defer t.mu.Unlock()
	if m.Seq > t.head.Seq {
		t.head = Head{m.Seq, m.Time}
	}
	if ok {
		t.set(&m, &e)
	}
}

// eventOf reads the event of an alert's channel; ok is false if it is none.
func eventOf(m *relay.Message) (e alerts.Event, ok bool) {
	id := idOf(m.Channel)
	if !alerts.IsID(id) || !m.Stored {
		return alerts.Event{}, false
	}
	e, err := alerts.ParseEvent(m.Text)
	return e, err == nil && e.ID == id
}

// idOf is the last token of a channel or key: an alert's id, if it is one's.
func idOf(channel string) string { return channel[strings.LastIndexByte(channel, '.')+1:] }

// set makes the event of m the channel's last one, if it is newer.
func (t *Tracker) set(m *relay.Message, e *alerts.Event) {
	it := t.item(m.Channel, e.ID)
	if it.seq >= m.Seq {
		return
	}
	t.unindex(it)
	it.seq, it.entry = m.Seq, relay.NewEntry(*m)
	it.source, it.status, it.updated = intern(e.Source), intern(e.Status), stampOf(e.UpdatedAt)
	it.silent = e.Kind == alerts.KindMoved
	it.labels = labelsOf(e.Labels)
	if it.known.groupKey == "" {
		it.known.receiver, it.known.groupKey = intern(e.Receiver), intern(e.GroupKey)
	}
	t.index(it)
}

// intern keeps one copy of what many alerts have in common.
func intern[S ~string](s S) S { return unique.Make(s).Value() }

func (t *Tracker) item(channel, id string) *item {
	it := t.items[channel]
	if it == nil {
		id = channel[len(channel)-len(id):]
		it = &item{channel: channel, id: id}
		t.items[channel] = it
		t.byID[id] = append(t.byID[id], it)
	}
	return it
}

func (t *Tracker) index(it *item) {
	if g := it.group(); it.active() && g.key != "" {
		if t.byGroup[g] == nil {
			t.byGroup[g] = make(map[*item]struct{})
		}
		t.byGroup[g][it] = struct{}{}
	}
}

func (t *Tracker) unindex(it *item) {
	g := it.group()
	delete(t.byGroup[g], it)
	if len(t.byGroup[g]) == 0 {
		delete(t.byGroup, g)
	}
}

// drop takes an item away of which nothing is to be known any more.
func (t *Tracker) drop(it *item) {
	t.unindex(it)
	delete(t.items, it.channel)
	others := slices.DeleteFunc(t.byID[it.id], func(other *item) bool { return other == it })
	if len(others) == 0 {
		delete(t.byID, it.id)
	} else {
		t.byID[it.id] = others
	}
}

// Delete takes the end of a channel.
func (t *Tracker) Delete(d relay.Deletion) {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if d.Seq > t.head.Seq {
		t.head = Head{d.Seq, d.Time}
	}
	id := idOf(d.Channel)
	if !alerts.IsID(id) {
		return
	}
	// Also of what is not known: it keeps a record that comes late from being
	// taken for an alert whose event the log has lost.
	if it := t.item(d.Channel, id); it.seq < d.Seq {
		t.unindex(it)
		it.seq, it.status, it.updated, it.silent, it.entry = d.Seq, alerts.Resolved, stampOf(now), true, nil
		it.since = stampOf(now.Add(-repairAfter)) // the record goes with the next sweep
	}
}

// Reset forgets the stream: it has gone back, or is another one.
func (t *Tracker) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ready, t.head = false, Head{}
	t.epoch++
	for _, it := range t.items {
		t.unindex(it)
		it.seq, it.status, it.entry, it.known.eventSeq = 0, "", nil, 0
	}
	poke(t.reload)
}

// watcher takes what the bucket says.
type watcher struct {
	t        *Tracker
	caughtUp func()
}

// CaughtUp implements Watcher.
func (w *watcher) CaughtUp() { w.caughtUp() }

// Value implements Watcher.
func (w *watcher) Value(v Value) { w.t.applyValue(v) }

// Reset implements Watcher. The bucket may be another one, so no revision that was
// known means anything; what is missing from it is written again by the sweep.
func (w *watcher) Reset() {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	for _, it := range w.t.items {
		it.known.revision, it.known.eventSeq = 0, 0
	}
}

// applyValue takes what the bucket says of a key.
func (t *Tracker) applyValue(v Value) {
	if source, ok := strings.CutPrefix(v.Key, metaPrefix); ok {
		t.applyHeard(source, v.Data)
		return
	}
	id := idOf(v.Key)
	if !alerts.IsID(id) {
		return
	}
	if v.Data == nil {
		t.noteGone(v.Key, v.Revision)
		return
	}
	if v.Revision <= t.record(v.Key).revision {
		return // it is our own
	}
	r := &Record{}
	if json.Unmarshal(v.Data, r) == nil && r.ID == id && r.Channel == v.Key {
		t.noteRecord(v.Key, r, v.Revision)
	}
}

// noteRecord notes a record of this revision, unless a newer one is known.
func (t *Tracker) noteRecord(channel string, r *Record, revision uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	it := t.item(channel, r.ID)
	if revision <= it.known.revision {
		return
	}
	t.unindex(it)
	it.known = known{
		revision: revision, eventSeq: r.EventSeq,
		lastSeen: stampOf(r.LastSeen), staleAt: stampOf(r.StaleAt), expiresAt: stampOf(r.ExpiresAt),
		firedAt: stampOf(r.FiredAt), saidAt: stampOf(r.ReportedAt), keptAt: stampOf(r.KeptAt), endedAt: stampOf(r.EndedAt),
		pinned: r.Pinned, receiver: intern(r.Receiver), groupKey: intern(r.GroupKey),
	}
	if it.source == "" {
		it.source = intern(r.Source)
	}
	t.index(it)
	if r.LastSeen.After(t.heard[r.Source]) {
		t.heard[r.Source] = r.LastSeen
	}
}

// noteGone notes that the record of this revision is there no more.
func (t *Tracker) noteGone(channel string, revision uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if it := t.items[channel]; it != nil && revision >= it.known.revision {
		it.known.revision, it.known.eventSeq, it.known.gone = 0, 0, true
	}
}

// Snapshot gives the newest message of every channel that match takes and where an
// alert is active, in the order of the stream, after all messages up to the head
// and no other. ok is false while that is not known.
func (t *Tracker) Snapshot(match func(channel string) bool) (entries []*relay.Entry, head Head, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, it := range t.items {
		if it.active() && it.entry != nil && match(it.channel) {
			entries = append(entries, it.entry)
		}
	}
	slices.SortFunc(entries, func(a, b *relay.Entry) int { return cmp.Compare(a.Message().Seq, b.Message().Seq) })
	return entries, t.head, t.ready
}
